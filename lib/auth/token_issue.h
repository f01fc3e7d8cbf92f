/* Issues tokens like the Auth Service, for development and tests. The only user of libjwt: token.c
 * verifies without it. */
#ifndef PAYMENTS_AUTH_TOKEN_ISSUE_H
#define PAYMENTS_AUTH_TOKEN_ISSUE_H

#include <stdint.h>

/* Valid for `ttl_s` seconds; NULL leaves a claim out. The caller frees. NULL: no memory. */
char *token_issue(const char *secret, const char *user_id, const char *email, const char *role,
		  int64_t now_s, int64_t ttl_s);

#endif
