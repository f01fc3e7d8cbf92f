/*
 * The access token of the Auth Service: a JWT, HS256 and nothing else, with the
 * claims userId (UUID), email, role, iat, exp. The only file that includes jwt.h
 * is token.c.
 */
#ifndef PAYMENTS_AUTH_TOKEN_H
#define PAYMENTS_AUTH_TOKEN_H

#include "base/secret.h"
#include "base/status.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

#define AUTHORIZATION_MAX 8192 /* bytes: libjwt puts a token's length on the stack */

struct principal {
	struct uuid user_id;
	bool is_admin; /* role "admin": may read and cancel other users' bookings */
	/* the token's nbf (0: none) and exp, in Unix seconds */
	int64_t not_before_s, expires_s;
};

/* RFC 7519, sections 4.1.4 and 4.1.5. No leeway: the Auth Service runs on the same clock. */
bool principal_is_current(const struct principal *principal, int64_t now_s);

/* The secrets tokens are checked against; `previous` is NULL or "" where none is being rotated. */
struct token_secrets {
	const char *current;
	const char *previous;
};

/*
 * Verifies the value of an Authorization header (NULL: none) at Unix second `now_s`.
 * OK: *out is filled.  AUTH_REQUIRED: no header, or another scheme than Bearer
 * (any case).  TOKEN_INVALID: all else: malformed, longer than AUTHORIZATION_MAX,
 * another algorithm, bad signature, exp missing, not an integer or past, nbf ahead,
 * userId missing or no UUID.
 */
enum status token_verify(const char *authorization, const struct token_secrets *secrets,
			 int64_t now_s, struct principal *out);

/* A signed token for development and tests, valid for `ttl_s` seconds from now_s. Malloc'ed, the
 * caller frees; NULL when out of memory. */
char *token_issue(const char *secret, const char *user_id, const char *email, const char *role,
		  int64_t now_s, int64_t ttl_s);

/* HMAC-SHA256 of text under key as 64 hex digits: the fingerprint of a request's meaning, which
 * reveals nothing of it to who can read the table it is stored in. "" when out of memory. */
struct fingerprint { char text[65]; };
struct fingerprint fingerprint_make(const char *key, const char *text);

#endif
