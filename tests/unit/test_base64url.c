/* If these fail, good tokens are refused, or a token says something that was not signed. */
#include "auth/base64url.h"
#include "suites.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *bytes, *text;
} vectors[] = {
	/* RFC 4648, section 10, without padding */
	{ "f", "Zg" },
	{ "fo", "Zm8" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg" },
	{ "fooba", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy" },
	/* the two characters that plain base64 writes as + and / */
	{ "\xfb\xef\xff", "--__" },
	{ "\xff\xe0", "_-A" },
};

START_TEST(there_and_back)
{
	const char *bytes = vectors[_i].bytes, *text = vectors[_i].text;
	char out[BASE64URL_SIZE(BASE64URL_BYTES_MAX)];
	size_t length = 0;
	char *decoded;

	ck_assert_uint_eq(BASE64URL_SIZE(strlen(bytes)), strlen(text) + 1);
	base64url_encode((const unsigned char *)bytes, strlen(bytes), out);
	ck_assert_str_eq(out, text);
	ck_assert_uint_eq(base64url_span(text), strlen(text));
	decoded = base64url_decode(text, strlen(text), &length);
	ck_assert_ptr_nonnull(decoded);
	ck_assert_uint_eq(length, strlen(bytes));
	ck_assert_str_eq(decoded, bytes);
	free(decoded);
}
END_TEST

START_TEST(span_ends_where_the_alphabet_does)
{
	ck_assert_uint_eq(base64url_span(""), 0);
	ck_assert_uint_eq(base64url_span("."), 0);
	ck_assert_uint_eq(base64url_span("Zm9v.Zm9v"), 4);
	ck_assert_uint_eq(base64url_span("Zg=="), 2);
	ck_assert_uint_eq(base64url_span("Zm8+"), 3);
	ck_assert_uint_eq(base64url_span("Zm8/"), 3);
	ck_assert_uint_eq(base64url_span("Zm9v\xc3"), 4);
	/* of one character no byte can be made, nor a part of a token */
	ck_assert_uint_eq(base64url_span("Z"), 0);
	ck_assert_uint_eq(base64url_span("Zm9vZ"), 0);
}
END_TEST

Suite *suite_base64url(void)
{
	Suite *suite = suite_create("base64url");
	TCase *tcase = tcase_create("base64url");

	tcase_add_loop_test(tcase, there_and_back, 0, sizeof(vectors) / sizeof(vectors[0]));
	tcase_add_test(tcase, span_ends_where_the_alphabet_does);
	suite_add_tcase(suite, tcase);
	return suite;
}
