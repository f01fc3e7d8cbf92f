#include "auth/token_cache.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LOCKS 16
#define DIGEST_BYTES 32

struct digest {
	unsigned char bytes[DIGEST_BYTES];
};

struct known {
	struct digest digest;
	struct principal principal;
};

struct token_cache {
	EVP_MD *sha256; /* fetching costs as much as hashing */
	_Atomic uint64_t hits;
	pthread_mutex_t locks[LOCKS];
	size_t count;
	struct known known[]; /* the digest of a token gives its place */
};

struct token_cache *token_cache_new(size_t tokens)
{
	struct token_cache *cache = calloc(1, sizeof(*cache) + tokens * sizeof(cache->known[0]));

	if (!cache)
		return NULL;
	cache->count = tokens;
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&cache->locks[i], NULL);
	cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (cache->sha256)
		return cache;
	token_cache_free(cache);
	return NULL;
}

void token_cache_free(struct token_cache *cache)
{
	if (!cache)
		return;
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&cache->locks[i]);
	EVP_MD_free(cache->sha256);
	free(cache);
}

/* With the NUL, so that the border between two texts is hashed too. */
static bool digest_add(EVP_MD_CTX *hash, const char *text)
{
	return EVP_DigestUpdate(hash, text ? text : "", text ? strlen(text) + 1 : 1) == 1;
}

static bool digest_make(const struct token_cache *cache, const char *authorization,
			const struct token_secrets *secrets, struct digest *out)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool made = hash && EVP_DigestInit_ex2(hash, cache->sha256, NULL) == 1 &&
		    digest_add(hash, secrets->current) && digest_add(hash, secrets->previous) &&
		    digest_add(hash, authorization) &&
		    EVP_DigestFinal_ex(hash, out->bytes, NULL) == 1;

	EVP_MD_CTX_free(hash);
	return made;
}

static size_t cache_place(const struct token_cache *cache, const struct digest *digest)
{
	uint64_t number;

	memcpy(&number, digest->bytes, sizeof(number));
	return (size_t)(number % cache->count);
}

static bool cache_find(struct token_cache *cache, const struct digest *digest,
		       struct principal *out)
{
	size_t place = cache_place(cache, digest);
	bool found;

	pthread_mutex_lock(&cache->locks[place % LOCKS]);
	found = memcmp(&cache->known[place].digest, digest, sizeof(*digest)) == 0;
	if (found)
		*out = cache->known[place].principal;
	pthread_mutex_unlock(&cache->locks[place % LOCKS]);
	return found;
}

static void cache_store(struct token_cache *cache, const struct digest *digest,
			const struct principal *principal)
{
	size_t place = cache_place(cache, digest);

	pthread_mutex_lock(&cache->locks[place % LOCKS]);
	cache->known[place] = (struct known){ *digest, *principal };
	pthread_mutex_unlock(&cache->locks[place % LOCKS]);
}

enum status token_cache_verify(struct token_cache *cache, const char *authorization,
			       const struct token_secrets *secrets, int64_t now_s,
			       struct principal *out)
{
	struct principal principal;
	struct digest digest;
	enum status status;

	if (!cache || !authorization ||
	    strnlen(authorization, AUTHORIZATION_MAX + 1) > AUTHORIZATION_MAX ||
	    !digest_make(cache, authorization, secrets, &digest))
		return token_verify(authorization, secrets, now_s, out);
	if (cache_find(cache, &digest, &principal) && principal_is_current(&principal, now_s)) {
		atomic_fetch_add_explicit(&cache->hits, 1, memory_order_relaxed);
		*out = principal;
		return STATUS_OK;
	}
	status = token_verify(authorization, secrets, now_s, out);
	if (status == STATUS_OK)
		cache_store(cache, &digest, out);
	return status;
}

uint64_t token_cache_hits(const struct token_cache *cache)
{
	return atomic_load_explicit(&cache->hits, memory_order_relaxed);
}
