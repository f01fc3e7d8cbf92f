/* If these fail, a stranger pays in the name of a user, or a logged-in user cannot pay. Tokens are
 * made part by part, without libjwt. */
#define _GNU_SOURCE 1 /* asprintf */

#include "auth/token.h"
#include "auth/token_issue.h"
#include "suites.h"
#include "token_forge.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define ROUNDS 500

static const struct token_secrets secrets = { .current = SECRET };

static enum status verify_forged(const char *header, const char *claims, const char *secret,
				 const EVP_MD *digest)
{
	struct principal principal;
	char *value = token_forge(header, claims, secret, digest);
	enum status status = token_verify(value, &secrets, NOW, &principal);

	free(value);
	return status;
}

static enum status verify_text(const char *value)
{
	struct principal principal;

	return token_verify(value, &secrets, NOW, &principal);
}

/* clang-format off */
static const struct {
	const char *claims;
	enum status status;
} claims[] = {
	{ CLAIMS, STATUS_OK },
	{ "{" ID "," EXP ",\"nbf\":1795164012,\"iat\":1795160000}", STATUS_OK },
	{ "{" ID "," EXP ",\"iat\":1795164099}", STATUS_OK }, /* the clocks of two hosts differ */
	{ "{" ID ",\"exp\":9007199254740991}", STATUS_OK },
	{ "{" ID ",\"exp\":1e12}", STATUS_OK }, /* a whole number all the same */
	{ "{\"userId\":\"0190B2A4-7C1E-7ABC-8DEF-0123456789AB\"," EXP "}", STATUS_OK },
	{ "{" ID "}", STATUS_TOKEN_INVALID },
	{ "{" ID ",\"exp\":1795164012}", STATUS_TOKEN_INVALID },
	{ "{" ID ",\"exp\":0}", STATUS_TOKEN_INVALID },
	{ "{" ID ",\"exp\":-1}", STATUS_TOKEN_INVALID },
	{ "{" ID ",\"exp\":\"1795164013\"}", STATUS_TOKEN_INVALID },
	{ "{" ID ",\"exp\":1795164013.5}", STATUS_TOKEN_INVALID },
	{ "{" ID ",\"exp\":true}", STATUS_TOKEN_INVALID },
	{ "{" ID ",\"exp\":null}", STATUS_TOKEN_INVALID },
	{ "{" ID ",\"exp\":[1795164013]}", STATUS_TOKEN_INVALID },
	{ "{" ID ",\"exp\":9007199254740993}", STATUS_TOKEN_INVALID },
	{ "{" ID ",\"exp\":9007199254740992}", STATUS_TOKEN_INVALID },
	{ "{" ID ",\"exp\":99999999999999999999}", STATUS_TOKEN_INVALID },
	{ "{" ID "," EXP ",\"nbf\":1795164013}", STATUS_TOKEN_INVALID },
	{ "{" ID "," EXP ",\"nbf\":\"1795164012\"}", STATUS_TOKEN_INVALID },
	{ "{" ID "," EXP ",\"nbf\":1.5}", STATUS_TOKEN_INVALID },
	{ "{" ID "," EXP ",\"nbf\":null}", STATUS_TOKEN_INVALID },
	{ "{" ID "," EXP ",\"iat\":\"now\"}", STATUS_TOKEN_INVALID },
	{ "{" EXP "}", STATUS_TOKEN_INVALID },
	{ "{\"userId\":{\"id\":\"" USER "\"}," EXP "}", STATUS_TOKEN_INVALID },
	{ "{\"userId\":[\"" USER "\"]," EXP "}", STATUS_TOKEN_INVALID },
	{ "{\"userId\":7," EXP "}", STATUS_TOKEN_INVALID },
	{ "{\"userId\":null," EXP "}", STATUS_TOKEN_INVALID },
	{ "{\"userId\":\"\"," EXP "}", STATUS_TOKEN_INVALID },
	{ "{\"userId\":\"7\"," EXP "}", STATUS_TOKEN_INVALID },
	{ "{\"userId\":\"" USER "\\u0000\"," EXP "}", STATUS_TOKEN_INVALID },
	{ "{" ID "," EXP ",\"exp\":1795164013}", STATUS_TOKEN_INVALID }, /* which of the two would count? */
	{ CLAIMS "x", STATUS_TOKEN_INVALID },
	{ "{" ID "," EXP ",\"email\":\"\xff\"}", STATUS_TOKEN_INVALID },
	{ "[]", STATUS_TOKEN_INVALID },
	{ "7", STATUS_TOKEN_INVALID },
	{ "", STATUS_TOKEN_INVALID },
	{ "{", STATUS_TOKEN_INVALID },
};
/* clang-format on */

START_TEST(claims_decide)
{
	ck_assert_int_eq(verify_forged(HS256, claims[_i].claims, SECRET, EVP_sha256()),
			 claims[_i].status);
}
END_TEST

START_TEST(only_hs256_is_taken)
{
	ck_assert_int_eq(verify_forged(HS256, CLAIMS, SECRET, EVP_sha256()), STATUS_OK);
	ck_assert_int_eq(
		verify_forged("{\"alg\":\"HS512\",\"typ\":\"JWT\"}", CLAIMS, SECRET, EVP_sha512()),
		STATUS_TOKEN_INVALID);
	ck_assert_int_eq(
		verify_forged("{\"alg\":\"HS384\",\"typ\":\"JWT\"}", CLAIMS, SECRET, EVP_sha384()),
		STATUS_TOKEN_INVALID);
	ck_assert_int_eq(verify_forged("{\"alg\":\"none\"}", CLAIMS, SECRET, NULL),
			 STATUS_TOKEN_INVALID);
	ck_assert_int_eq(verify_forged("{\"alg\":\"none\"}", CLAIMS, SECRET, EVP_sha256()),
			 STATUS_TOKEN_INVALID);
	ck_assert_int_eq(
		verify_forged("{\"alg\":\"RS256\",\"typ\":\"JWT\"}", CLAIMS, SECRET, EVP_sha256()),
		STATUS_TOKEN_INVALID);
	ck_assert_int_eq(verify_forged("{\"typ\":\"JWT\"}", CLAIMS, SECRET, EVP_sha256()),
			 STATUS_TOKEN_INVALID);
	ck_assert_int_eq(verify_forged("{\"alg\":7}", CLAIMS, SECRET, EVP_sha256()),
			 STATUS_TOKEN_INVALID);
}
END_TEST

START_TEST(critical_extension_is_refused)
{
	ck_assert_int_eq(verify_forged("{\"alg\":\"HS256\",\"crit\":[\"x\"],\"x\":1}", CLAIMS,
				       SECRET, EVP_sha256()),
			 STATUS_TOKEN_INVALID);
	ck_assert_int_eq(verify_forged("{\"alg\":\"HS256\",\"x\":1}", CLAIMS, SECRET, EVP_sha256()),
			 STATUS_OK);
}
END_TEST

START_TEST(signature_must_be_of_the_secret_and_whole)
{
	char *value = token_forge(HS256, CLAIMS, SECRET, EVP_sha256());
	char *signature = strrchr(value, '.') + 1;

	ck_assert_int_eq(verify_text(value), STATUS_OK);
	signature[0] = signature[0] == 'A' ? 'B' : 'A';
	ck_assert_int_eq(verify_text(value), STATUS_TOKEN_INVALID);
	*signature = '\0';
	ck_assert_int_eq(verify_text(value), STATUS_TOKEN_INVALID);
	signature[-1] = '\0';
	ck_assert_int_eq(verify_text(value), STATUS_TOKEN_INVALID);
	free(value);
	ck_assert_int_eq(verify_forged(HS256, CLAIMS, OTHER, EVP_sha256()), STATUS_TOKEN_INVALID);
	ck_assert_int_eq(verify_forged(HS256, CLAIMS, "", EVP_sha256()), STATUS_TOKEN_INVALID);
}
END_TEST

START_TEST(claims_of_one_token_under_the_signature_of_another_are_refused)
{
	char *mine = token_forge(HS256, CLAIMS, SECRET, EVP_sha256());
	char *theirs = token_forge(HS256, "{" ID ",\"exp\":1895164013}", SECRET, EVP_sha256());
	char *mixed;

	*strrchr(theirs, '.') = '\0';
	ck_assert_int_gt(asprintf(&mixed, "%s%s", theirs, strrchr(mine, '.')), 0);
	ck_assert_int_eq(verify_text(mine), STATUS_OK);
	ck_assert_int_eq(verify_text(mixed), STATUS_TOKEN_INVALID);
	free(mine);
	free(theirs);
	free(mixed);
}
END_TEST

START_TEST(previous_secret_is_taken_while_one_is_rotated)
{
	struct token_secrets rotated = { .current = OTHER, .previous = SECRET };
	char *value = token_forge(HS256, CLAIMS, SECRET, EVP_sha256());
	struct principal principal;

	ck_assert_int_eq(token_verify(value, &rotated, NOW, &principal), STATUS_OK);
	rotated.previous = "";
	ck_assert_int_eq(token_verify(value, &rotated, NOW, &principal), STATUS_TOKEN_INVALID);
	rotated.previous = NULL;
	ck_assert_int_eq(token_verify(value, &rotated, NOW, &principal), STATUS_TOKEN_INVALID);
	free(value);
}
END_TEST

/* An empty key would sign anything: an empty setting must refuse all tokens. */
START_TEST(empty_secret_takes_nothing)
{
	static const struct token_secrets empty[] = { { "", "" }, { NULL, NULL } };
	char *unsigned_one = token_forge("{\"alg\":\"none\"}", CLAIMS, "", NULL);
	char *signed_one = token_forge(HS256, CLAIMS, "", EVP_sha256());
	struct principal principal;

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(token_verify(unsigned_one, &empty[i], NOW, &principal),
				 STATUS_TOKEN_INVALID);
		ck_assert_int_eq(token_verify(signed_one, &empty[i], NOW, &principal),
				 STATUS_TOKEN_INVALID);
	}
	free(unsigned_one);
	free(signed_one);
}
END_TEST

static const struct {
	const char *value;
	enum status status;
} schemes[] = {
	{ NULL, STATUS_AUTH_REQUIRED },
	{ "", STATUS_AUTH_REQUIRED },
	{ "Basic dXNlcjpwYXNz", STATUS_AUTH_REQUIRED },
	{ "Bearerx", STATUS_AUTH_REQUIRED },
	{ "Bear", STATUS_AUTH_REQUIRED },
	{ " Bearer x", STATUS_AUTH_REQUIRED },
	{ "Bearer", STATUS_TOKEN_INVALID },
	{ "Bearer ", STATUS_TOKEN_INVALID },
	{ "Bearer x", STATUS_TOKEN_INVALID },
	{ "Bearer null", STATUS_TOKEN_INVALID },
	{ "Bearer ..", STATUS_TOKEN_INVALID },
	{ "Bearer .e30.AAAA", STATUS_TOKEN_INVALID },
	{ "Bearer e30..AAAA", STATUS_TOKEN_INVALID },
	{ "Bearer e30.e30.", STATUS_TOKEN_INVALID },
	{ "Bearer e30.e30.AAAA.AAAA", STATUS_TOKEN_INVALID },
	{ "Bearer e30AA.e30.AAAA", STATUS_TOKEN_INVALID },
	{ "Bearer e30=.e30.AAAA", STATUS_TOKEN_INVALID },
	{ "Bearer a.b.c", STATUS_TOKEN_INVALID },
	{ "Bearer \xff\xfe.\x01.%", STATUS_TOKEN_INVALID },
};

START_TEST(scheme_decides_between_401_and_403)
{
	ck_assert_int_eq(verify_text(schemes[_i].value), schemes[_i].status);
}
END_TEST

START_TEST(bearer_is_taken_in_any_case_with_spaces_after_it)
{
	char *value = token_forge(HS256, CLAIMS, SECRET, EVP_sha256());
	char *variant;

	ck_assert_int_gt(asprintf(&variant, "bEARER    %s", value + strlen("Bearer ")), 0);
	ck_assert_int_eq(verify_text(variant), STATUS_OK);
	free(variant);
	ck_assert_int_gt(asprintf(&variant, "%s x", value), 0);
	ck_assert_int_eq(verify_text(variant), STATUS_TOKEN_INVALID);
	free(variant);
	free(value);
}
END_TEST

/* A token that is as long as can be, and one byte more. */
START_TEST(length_is_capped)
{
	for (int excess = 0; excess <= 1; excess++) {
		size_t head = strlen("Bearer ") + strlen("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9");
		size_t body = AUTHORIZATION_MAX + (size_t)excess - head - 2 - 43;
		size_t bytes = body * 3 / 4;
		char *text = calloc(1, bytes + 1);
		char *value;

		ck_assert_ptr_nonnull(text);
		memset(text, ' ', bytes);
		memcpy(text, CLAIMS, strlen(CLAIMS));
		value = token_forge(HS256, text, SECRET, EVP_sha256());
		ck_assert_uint_le(strlen(value), AUTHORIZATION_MAX + (size_t)excess);
		if (excess)
			while (strlen(value) <= AUTHORIZATION_MAX) {
				char *wider;

				ck_assert_int_gt(asprintf(&wider, "Bearer  %s", value + 7), 0);
				free(value);
				value = wider;
			}
		ck_assert_int_eq(verify_text(value), excess ? STATUS_TOKEN_INVALID : STATUS_OK);
		free(value);
		free(text);
	}
}
END_TEST

static const struct {
	const char *claims;
	bool is_admin;
} roles[] = {
	{ "{" ID "," EXP ",\"role\":\"admin\"}", true },
	{ "{" ID "," EXP ",\"role\":\"user\"}", false },
	{ "{" ID "," EXP ",\"role\":\"Admin\"}", false },
	{ "{" ID "," EXP ",\"role\":[\"admin\"]}", false },
	{ "{" ID "," EXP ",\"role\":true}", false },
	{ "{" ID "," EXP "}", false },
};

START_TEST(role_makes_an_admin_and_nothing_else_does)
{
	struct principal principal = { .is_admin = !roles[_i].is_admin };
	char *value = token_forge(HS256, roles[_i].claims, SECRET, EVP_sha256());

	ck_assert_int_eq(token_verify(value, &secrets, NOW, &principal), STATUS_OK);
	ck_assert_str_eq(principal.user_id.text, USER);
	ck_assert_int_eq(principal.is_admin, roles[_i].is_admin);
	free(value);
}
END_TEST

START_TEST(issued_token_is_good_until_it_expires)
{
	char *token = token_issue(SECRET, USER, "user@example.com", "admin", NOW, 60);
	struct principal principal;
	char *value;

	ck_assert_ptr_nonnull(token);
	ck_assert_int_gt(asprintf(&value, "Bearer %s", token), 0);
	ck_assert_int_eq(token_verify(value, &secrets, NOW + 59, &principal), STATUS_OK);
	ck_assert_str_eq(principal.user_id.text, USER);
	ck_assert(principal.is_admin);
	ck_assert_int_eq(token_verify(value, &secrets, NOW + 60, &principal), STATUS_TOKEN_INVALID);
	free(value);
	free(token);
}
END_TEST

static void *verify_often(void *argument)
{
	const char *value = argument;
	size_t wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct principal principal;

		wrong += token_verify(value, &secrets, NOW, &principal) != STATUS_OK;
		wrong += token_verify(value, &secrets, NOW + 1, &principal) != STATUS_TOKEN_INVALID;
		wrong += strcmp(fingerprint_make("k", "t").text, fingerprint_make("k", "u").text) ==
			 0;
	}
	return (void *)wrong;
}

START_TEST(several_threads_verify_at_once)
{
	char *value = token_forge(HS256, CLAIMS, SECRET, EVP_sha256());
	pthread_t threads[THREADS];
	void *wrong;

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, verify_often, value), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &wrong);
		ck_assert_ptr_null(wrong);
	}
	free(value);
}
END_TEST

START_TEST(fingerprint_is_hmac_sha256)
{
	/* RFC 4231, test case 2 */
	ck_assert_str_eq(fingerprint_make("Jefe", "what do ya want for nothing?").text,
			 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	ck_assert_str_ne(fingerprint_make("Jefe", "").text, fingerprint_make("", "").text);
	ck_assert_uint_eq(strlen(fingerprint_make("", "").text), 64);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *suite_token(void)
{
	Suite *suite = suite_create("token");
	TCase *tcase = tcase_create("token");

	tcase_add_loop_test(tcase, claims_decide, 0, COUNT(claims));
	tcase_add_test(tcase, only_hs256_is_taken);
	tcase_add_test(tcase, critical_extension_is_refused);
	tcase_add_test(tcase, signature_must_be_of_the_secret_and_whole);
	tcase_add_test(tcase, claims_of_one_token_under_the_signature_of_another_are_refused);
	tcase_add_test(tcase, previous_secret_is_taken_while_one_is_rotated);
	tcase_add_test(tcase, empty_secret_takes_nothing);
	tcase_add_loop_test(tcase, scheme_decides_between_401_and_403, 0, COUNT(schemes));
	tcase_add_test(tcase, bearer_is_taken_in_any_case_with_spaces_after_it);
	tcase_add_test(tcase, length_is_capped);
	tcase_add_loop_test(tcase, role_makes_an_admin_and_nothing_else_does, 0, COUNT(roles));
	tcase_add_test(tcase, issued_token_is_good_until_it_expires);
	tcase_add_test(tcase, several_threads_verify_at_once);
	tcase_add_test(tcase, fingerprint_is_hmac_sha256);
	suite_add_tcase(suite, tcase);
	return suite;
}
