/* The access token of the Auth Service: a JWT with HS256 and the claims userId (UUID), email, role,
 * iat, exp. */
#ifndef PAYMENTS_AUTH_TOKEN_H
#define PAYMENTS_AUTH_TOKEN_H

#include "base/status.h"
#include "base/uuid.h"
#include "config/secret.h"

#include <stdbool.h>
#include <stdint.h>

#define AUTHORIZATION_MAX 8192 /* bytes; a token has about 300 */

struct principal {
	struct uuid user_id;
	bool is_admin; /* role "admin": may read and cancel other users' bookings */
	/* nbf (0: none) and exp, in Unix seconds */
	int64_t not_before_s, expires_s;
};

/* RFC 7519, sections 4.1.4 and 4.1.5. No leeway: the Auth Service has the same clock. */
bool principal_is_current(const struct principal *principal, int64_t now_s);

/* `previous` is NULL or "" unless the secret is being rotated. */
struct token_secrets {
	const char *current;
	const char *previous;
};

/*
 * Verifies the value of an Authorization header (NULL: none). AUTH_REQUIRED: no header, or a scheme
 * other than Bearer. TOKEN_INVALID: malformed, longer than AUTHORIZATION_MAX, another algorithm,
 * bad signature, exp missing or past, nbf in the future, userId not a UUID. INTERNAL_ERROR: no
 * memory.
 */
enum status token_verify(const char *authorization, const struct token_secrets *secrets,
			 int64_t now_s, struct principal *out);

/* HMAC-SHA256 as 64 hex digits, to compare requests: with read access to the table alone, the
 * request cannot be guessed. "": out of memory. */
struct fingerprint {
	char text[65];
};
struct fingerprint fingerprint_make(const char *key, const char *text);

#endif
