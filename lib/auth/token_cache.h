/*
 * Tokens found good a moment ago. A front end sends the same token with every
 * request, and to know one takes a tenth of the time that checking it takes.
 * Kept is no token, but a hash of it and of the secrets it was checked against:
 * any other token, and the same one under other secrets, is a stranger. What
 * depends on the clock is asked each time. Refusals are not kept.
 */
#ifndef PAYMENTS_AUTH_TOKEN_CACHE_H
#define PAYMENTS_AUTH_TOKEN_CACHE_H

#include "auth/token.h"

#include <stddef.h>

struct token_cache; /* for any number of threads */

/* Room for `tokens` (88 bytes each, > 0); a newcomer takes an older one's place. NULL: out of
 * memory. */
struct token_cache *token_cache_new(size_t tokens);
/* NULL is none. */
void token_cache_free(struct token_cache *cache);

/* As token_verify, and the same answers; a NULL cache remembers nothing. */
enum status token_cache_verify(struct token_cache *cache, const char *authorization,
			       const struct token_secrets *secrets, int64_t now_s,
			       struct principal *out);

/* How often a token was known, so far. */
uint64_t token_cache_hits(const struct token_cache *cache);

#endif
