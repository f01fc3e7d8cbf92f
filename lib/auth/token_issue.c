#include "auth/token_issue.h"

#include <jwt.h>
#include <stdbool.h>
#include <string.h>

static bool add_text(jwt_t *jwt, const char *name, const char *value)
{
	return !value || jwt_add_grant(jwt, name, value) == 0;
}

char *token_issue(const char *secret, const char *user_id, const char *email, const char *role,
		  int64_t now_s, int64_t ttl_s)
{
	char *token = NULL;
	jwt_t *jwt = NULL;

	if (jwt_new(&jwt) != 0)
		return NULL;
	if (add_text(jwt, "userId", user_id) && add_text(jwt, "email", email) &&
	    add_text(jwt, "role", role) && jwt_add_grant_int(jwt, "iat", (long)now_s) == 0 &&
	    jwt_add_grant_int(jwt, "exp", (long)(now_s + ttl_s)) == 0 &&
	    jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret, (int)strlen(secret)) ==
		    0)
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	return token;
}
