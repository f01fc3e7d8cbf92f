/* If these fail, production starts with a secret that an attacker can guess. */
#include "config/secret.h"
#include "suites.h"

#include <stddef.h>

/* clang-format off */
static const char *const weak[] = {
	NULL,
	"",
	"secret",
	"SECRET",
	"changeme",
	"your-secret-key",
	"your-256-bit-secret",
	"a-string-secret-at-least-256-bits-long",
	"Your-Super-Secret-JWT-Key-Change-This-In-Production",
	"please-changeme-please-changeme-please",
	"0123456789abcdef0123456789abcdef",
	"3fH9vQx2LmT8kZr5WbNc7YpJd4GsAe1",	/* good, but one byte short */
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"abcabcabcabcabcabcabcabcabcabcabcabcabc",
};
/* clang-format on */

static const char *const strong[] = {
	"3fH9vQx2LmT8kZr5WbNc7YpJd4GsAe1u",
	"b7c1f0a39d5e482668f4e1d07a9c3b52",
	"correct horse battery staple, and then some",
};

START_TEST(weak_secret_is_named)
{
	ck_assert_ptr_nonnull(secret_weakness(weak[_i]));
}
END_TEST

START_TEST(strong_secret_passes)
{
	ck_assert_pstr_eq(secret_weakness(strong[_i]), NULL);
}
END_TEST

Suite *suite_secret(void)
{
	Suite *suite = suite_create("secret");
	TCase *tcase = tcase_create("secret");

	tcase_add_loop_test(tcase, weak_secret_is_named, 0, sizeof(weak) / sizeof(weak[0]));
	tcase_add_loop_test(tcase, strong_secret_passes, 0, sizeof(strong) / sizeof(strong[0]));
	suite_add_tcase(suite, tcase);
	return suite;
}
