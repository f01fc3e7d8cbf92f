/* Tokens as the Auth Service makes them, for development and tests; no part of the service. The
 * only user of libjwt: what others make is verified in token.c. */
#ifndef PAYMENTS_AUTH_TOKEN_ISSUE_H
#define PAYMENTS_AUTH_TOKEN_ISSUE_H

#include <stdint.h>

/* A signed token, valid for `ttl_s` seconds from now_s; NULL leaves a claim out. Malloc'ed, the
 * caller frees; NULL when out of memory. */
char *token_issue(const char *secret, const char *user_id, const char *email, const char *role,
		  int64_t now_s, int64_t ttl_s);

#endif
