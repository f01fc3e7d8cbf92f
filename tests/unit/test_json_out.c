/* If these fail, an answer is no JSON, or not the JSON that the contract names. */
#include "base/escape.h"
#include "base/json_out.h"
#include "suites.h"

#include <string.h>

START_TEST(document_is_written_in_order_and_exact)
{
	struct buf buf = { 0 };
	struct json_out out = { .buf = &buf };

	json_object_begin(&out, NULL);
	json_string(&out, "s", "예");
	json_string(&out, "none", NULL);
	json_integer(&out, "least", INT64_MIN);
	json_bool(&out, "yes", true);
	json_array_begin(&out, "list");
	json_object_begin(&out, NULL);
	json_object_end(&out);
	json_integer(&out, NULL, 70000);
	json_array_begin(&out, NULL);
	json_array_end(&out);
	json_string(&out, NULL, "a");
	json_array_end(&out);
	json_raw(&out, "raw", "[1, 2]");
	json_raw(&out, "no_raw", NULL);
	json_null(&out, "null");
	json_bool(&out, "no", false);
	json_object_end(&out);
	ck_assert_str_eq(
		buf_text(&buf),
		"{\"s\":\"예\",\"none\":null,\"least\":-9223372036854775808,\"yes\":true,"
		"\"list\":[{},70000,[],\"a\"],\"raw\":[1, 2],\"no_raw\":null,\"null\":null,"
		"\"no\":false}");
	buf_free(&buf);
}
END_TEST

/* clang-format off */
static const struct {
	const char *text;
	const char *escaped;
} escapes[] = {
	{ "", "" },
	{ "plain / text", "plain / text" },
	{ "\"\\", "\\\"\\\\" },
	{ "\b\f\n\r\t", "\\b\\f\\n\\r\\t" },
	{ "\x01\x1f\x7f", "\\u0001\\u001f\\u007f" },
	{ "카카오페이", "카카오페이" },
	{ "\xf0\x9f\x8e\xab", "\xf0\x9f\x8e\xab" },
	{ "a\xff" "b", "a\\u00ffb" },
	{ "\xc0\xaf", "\\u00c0\\u00af" },		/* overlong */
	{ "\xed\xa0\x80", "\\u00ed\\u00a0\\u0080" },	/* a surrogate */
	{ "\xea\xb0", "\\u00ea\\u00b0" },		/* cut off by the end */
	{ "\xc2\x9b" "2J", "\\u009b2J" },		/* C1: obeyed by some terminals */
	{ "\xc2\xa0", "\xc2\xa0" },
};
/* clang-format on */

START_TEST(text_is_escaped_so_that_it_stays_one_line_of_json)
{
	struct buf buf = { 0 };

	json_escape(&buf, escapes[_i].text);
	ck_assert_str_eq(buf_text(&buf), escapes[_i].escaped);
	buf_free(&buf);
}
END_TEST

/* At each place of a text as long as two words and a bit, each byte is seen. */
START_TEST(what_is_plain_is_told_byte_by_byte)
{
	char text[20];

	for (int byte = 1; byte < 256; byte++) {
		bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';

		for (size_t at = 0; at < sizeof(text); at++) {
			memset(text, 'x', sizeof(text));
			text[at] = (char)byte;
			ck_assert_uint_eq(escape_plain(text, sizeof(text)),
					  plain ? sizeof(text) : at);
			ck_assert_uint_eq(escape_plain(text, at), at);
		}
	}
}
END_TEST

START_TEST(lost_write_marks_the_buffer)
{
	struct buf buf = { .limit = 8 };
	struct json_out out = { .buf = &buf };

	json_object_begin(&out, NULL);
	json_string(&out, "key", "a value too long");
	json_object_end(&out);
	ck_assert(buf.failed);
	buf_free(&buf);
}
END_TEST

Suite *suite_json_out(void)
{
	Suite *suite = suite_create("json_out");
	TCase *tcase = tcase_create("json_out");

	tcase_add_test(tcase, document_is_written_in_order_and_exact);
	tcase_add_loop_test(tcase, text_is_escaped_so_that_it_stays_one_line_of_json, 0,
			    sizeof(escapes) / sizeof(escapes[0]));
	tcase_add_test(tcase, what_is_plain_is_told_byte_by_byte);
	tcase_add_test(tcase, lost_write_marks_the_buffer);
	suite_add_tcase(suite, tcase);
	return suite;
}
