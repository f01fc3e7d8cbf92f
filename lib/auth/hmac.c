#include "auth/hmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <string.h>

/* HMAC with SHA-256 and no key yet. NULL: out of memory. */
static EVP_MAC_CTX *unkeyed_make(void)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
								       digest, 0),
				      OSSL_PARAM_construct_end() };
	EVP_MAC *method = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *made = method ? EVP_MAC_CTX_new(method) : NULL;

	EVP_MAC_free(method); /* the context has its own reference */
	if (made && EVP_MAC_CTX_set_params(made, params) == 1)
		return made;
	EVP_MAC_CTX_free(made);
	return NULL;
}

/* Kept for the life of the process and copied: fetching the algorithms by name costs more than the
 * HMAC of a short text. */
static const EVP_MAC_CTX *unkeyed_get(void)
{
	static _Atomic(EVP_MAC_CTX *) kept;
	EVP_MAC_CTX *unkeyed = atomic_load(&kept), *first = NULL;

	if (unkeyed)
		return unkeyed;
	unkeyed = unkeyed_make();
	if (!unkeyed || atomic_compare_exchange_strong(&kept, &first, unkeyed))
		return unkeyed;
	EVP_MAC_CTX_free(unkeyed);
	return first;
}

bool hmac_sha256(const char *key, const char *text, size_t length, unsigned char out[HMAC_BYTES])
{
	const EVP_MAC_CTX *unkeyed = unkeyed_get();
	EVP_MAC_CTX *mac = unkeyed ? EVP_MAC_CTX_dup(unkeyed) : NULL;
	size_t made = 0;
	bool done = mac && EVP_MAC_init(mac, (const unsigned char *)key, strlen(key), NULL) == 1 &&
		    EVP_MAC_update(mac, (const unsigned char *)text, length) == 1 &&
		    EVP_MAC_final(mac, out, &made, HMAC_BYTES) == 1 && made == HMAC_BYTES;

	EVP_MAC_CTX_free(mac);
	return done;
}
