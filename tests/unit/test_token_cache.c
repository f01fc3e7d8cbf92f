/* If these fail, a stranger pays in the name of a user, or every request pays for a full check. */
#include "auth/token_cache.h"
#include "suites.h"
#include "token_forge.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define ROUNDS 500

static const struct token_secrets secrets = { .current = SECRET };

START_TEST(known_token_is_taken_without_a_second_look)
{
	char *value = token_forge(HS256, CLAIMS, SECRET, EVP_sha256());
	char *admin =
		token_forge(HS256, "{" ID "," EXP ",\"role\":\"admin\"}", SECRET, EVP_sha256());
	struct token_cache *cache = token_cache_new(1);
	struct principal principal;

	ck_assert_ptr_nonnull(cache);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(token_cache_verify(cache, value, &secrets, NOW, &principal),
				 STATUS_OK);
		ck_assert_str_eq(principal.user_id.text, USER);
		ck_assert(!principal.is_admin);
	}
	ck_assert_uint_eq(token_cache_hits(cache), 2);
	/* two tokens share the only place: none is taken for the other */
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(token_cache_verify(cache, admin, &secrets, NOW, &principal),
				 STATUS_OK);
		ck_assert(principal.is_admin);
		ck_assert_int_eq(token_cache_verify(cache, value, &secrets, NOW, &principal),
				 STATUS_OK);
		ck_assert(!principal.is_admin);
	}
	ck_assert_uint_eq(token_cache_hits(cache), 2);
	token_cache_free(cache);
	free(admin);
	free(value);
}
END_TEST

START_TEST(known_token_still_has_its_time)
{
	char *value =
		token_forge(HS256, "{" ID "," EXP ",\"nbf\":1795164011}", SECRET, EVP_sha256());
	struct token_cache *cache = token_cache_new(16);
	struct principal principal;

	ck_assert_int_eq(token_cache_verify(cache, value, &secrets, NOW, &principal), STATUS_OK);
	ck_assert_int_eq(token_cache_verify(cache, value, &secrets, NOW + 1, &principal),
			 STATUS_TOKEN_INVALID);
	ck_assert_int_eq(token_cache_verify(cache, value, &secrets, NOW - 2, &principal),
			 STATUS_TOKEN_INVALID);
	ck_assert_int_eq(token_cache_verify(cache, value, &secrets, NOW - 1, &principal),
			 STATUS_OK);
	ck_assert_uint_eq(token_cache_hits(cache), 1);
	token_cache_free(cache);
	free(value);
}
END_TEST

START_TEST(known_token_is_known_under_its_secrets_only)
{
	static const struct token_secrets rotated = { OTHER, SECRET }, over = { OTHER, "" };
	char *value = token_forge(HS256, CLAIMS, SECRET, EVP_sha256());
	struct token_cache *cache = token_cache_new(16);
	struct principal principal;

	ck_assert_int_eq(token_cache_verify(cache, value, &secrets, NOW, &principal), STATUS_OK);
	ck_assert_int_eq(token_cache_verify(cache, value, &over, NOW, &principal),
			 STATUS_TOKEN_INVALID);
	ck_assert_int_eq(token_cache_verify(cache, value, &rotated, NOW, &principal), STATUS_OK);
	ck_assert_int_eq(token_cache_verify(cache, value, &over, NOW, &principal),
			 STATUS_TOKEN_INVALID);
	ck_assert_uint_eq(token_cache_hits(cache), 0);
	token_cache_free(cache);
	free(value);
}
END_TEST

/* Each character of a known token changed: none of them is that token. */
START_TEST(what_resembles_a_known_token_is_refused)
{
	char *value = token_forge(HS256, CLAIMS, SECRET, EVP_sha256());
	struct token_cache *cache = token_cache_new(16);
	struct principal principal;

	ck_assert_int_eq(token_cache_verify(cache, value, &secrets, NOW, &principal), STATUS_OK);
	for (size_t i = strlen("Bearer "); i + 1 < strlen(value); i++) {
		char kept = value[i];

		for (int again = 0; again < 2; again++) { /* refusals are not kept either */
			value[i] = kept == 'A' ? 'B' : 'A';
			ck_assert_int_eq(
				token_cache_verify(cache, value, &secrets, NOW, &principal),
				STATUS_TOKEN_INVALID);
		}
		value[i] = kept;
	}
	ck_assert_uint_eq(token_cache_hits(cache), 0);
	ck_assert_int_eq(token_cache_verify(cache, NULL, &secrets, NOW, &principal),
			 STATUS_AUTH_REQUIRED);
	ck_assert_int_eq(token_cache_verify(NULL, value, &secrets, NOW, &principal), STATUS_OK);
	token_cache_free(cache);
	free(value);
}
END_TEST

static void *verify_known_often(void *argument)
{
	void *const *parts = argument;
	size_t wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct principal principal;
		bool admin = i % 2 == 0;

		wrong += token_cache_verify(parts[0], parts[admin ? 2 : 1], &secrets, NOW,
					    &principal) != STATUS_OK;
		wrong += principal.is_admin != admin;
	}
	return (void *)wrong;
}

START_TEST(several_threads_share_a_cache)
{
	char *value = token_forge(HS256, CLAIMS, SECRET, EVP_sha256());
	char *admin =
		token_forge(HS256, "{" ID "," EXP ",\"role\":\"admin\"}", SECRET, EVP_sha256());
	void *parts[] = { token_cache_new(1), value, admin };
	pthread_t threads[THREADS];
	void *wrong;

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, verify_known_often, parts), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &wrong);
		ck_assert_ptr_null(wrong);
	}
	token_cache_free(parts[0]);
	free(admin);
	free(value);
}
END_TEST

Suite *suite_token_cache(void)
{
	Suite *suite = suite_create("token_cache");
	TCase *tcase = tcase_create("token_cache");

	tcase_add_test(tcase, known_token_is_taken_without_a_second_look);
	tcase_add_test(tcase, known_token_still_has_its_time);
	tcase_add_test(tcase, known_token_is_known_under_its_secrets_only);
	tcase_add_test(tcase, what_resembles_a_known_token_is_refused);
	tcase_add_test(tcase, several_threads_share_a_cache);
	suite_add_tcase(suite, tcase);
	return suite;
}
