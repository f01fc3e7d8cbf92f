/*
 * The access token of the Auth Service: a JWT, HS256 and nothing else, with the
 * claims userId (UUID), email, role, iat, exp.
 */
#ifndef PAYMENTS_AUTH_TOKEN_H
#define PAYMENTS_AUTH_TOKEN_H

#include "base/status.h"
#include "base/uuid.h"
#include "config/secret.h"

#include <stdbool.h>
#include <stdint.h>

#define AUTHORIZATION_MAX 8192 /* bytes; a token of the Auth Service has some 300 */

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
 * userId missing or no UUID.  INTERNAL_ERROR: no memory.
 */
enum status token_verify(const char *authorization, const struct token_secrets *secrets,
			 int64_t now_s, struct principal *out);

/* HMAC-SHA256 of text under key as 64 hex digits: the fingerprint of a request's meaning, which
 * reveals nothing of it to who can read the table it is stored in. "" when out of memory. */
struct fingerprint {
	char text[65];
};
struct fingerprint fingerprint_make(const char *key, const char *text);

#endif
