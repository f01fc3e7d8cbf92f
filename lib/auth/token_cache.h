/*
 * A cache of verified tokens: a front end sends the same token with every request, and a hit takes
 * a tenth of the time of a check. The key is a hash of the token and the secrets; tokens themselves
 * are not kept, refusals neither. Expiry is checked each time.
 */
#ifndef PAYMENTS_AUTH_TOKEN_CACHE_H
#define PAYMENTS_AUTH_TOKEN_CACHE_H

#include "auth/token.h"

#include <stddef.h>

struct token_cache; /* any thread */

/* Room for `tokens` > 0 of 88 bytes each; a new token replaces the one in its place. NULL: no
 * memory. */
struct token_cache *token_cache_new(size_t tokens);
/* NULL is allowed. */
void token_cache_free(struct token_cache *cache);

/* As token_verify; NULL: no cache. */
enum status token_cache_verify(struct token_cache *cache, const char *authorization,
			       const struct token_secrets *secrets, int64_t now_s,
			       struct principal *out);

/* For tests. */
uint64_t token_cache_hits(const struct token_cache *cache);

#endif
