/* If these fail, a truncated answer is sent as complete, or memory is overrun. */
#include "base/buf.h"
#include "suites.h"

#include <string.h>

START_TEST(empty_buffer_reads_as_empty_text)
{
	struct buf buf = { 0 };

	ck_assert_str_eq(buf_text(&buf), "");
	buf_append(&buf, NULL, 0);
	buf_puts(&buf, "");
	ck_assert_str_eq(buf_text(&buf), "");
	ck_assert(!buf.failed);
	buf_free(&buf);
}
END_TEST

START_TEST(writes_follow_each_other)
{
	struct buf buf = { 0 };

	buf_append(&buf, "abX", 2);
	buf_puts(&buf, "cd");
	buf_printf(&buf, "%d-%s", 7, "e");
	ck_assert_str_eq(buf_text(&buf), "abcd7-e");
	ck_assert_uint_eq(buf.length, 7);
	buf_free(&buf);
}
END_TEST

START_TEST(grows_and_keeps_its_content)
{
	struct buf buf = { 0 };

	for (int i = 0; i < 20000; i++)
		buf_printf(&buf, "%05d", i);
	ck_assert(!buf.failed);
	ck_assert_uint_eq(buf.length, 100000);
	ck_assert_int_eq(strncmp(buf_text(&buf), "0000000001", 10), 0);
	ck_assert_str_eq(buf_text(&buf) + 99990, "1999819999");
	buf_free(&buf);
}
END_TEST

START_TEST(limit_fits_exactly)
{
	struct buf buf = { .limit = 5 };

	buf_puts(&buf, "12345");
	ck_assert(!buf.failed);
	ck_assert_str_eq(buf_text(&buf), "12345");
	buf_free(&buf);
}
END_TEST

START_TEST(write_past_the_limit_fails_and_changes_nothing)
{
	struct buf buf = { .limit = 5 };

	buf_puts(&buf, "1234");
	buf_printf(&buf, "%s", "56");
	ck_assert(buf.failed);
	ck_assert_str_eq(buf_text(&buf), "1234");
	buf_puts(&buf, "5"); /* would fit: but a write was lost before it */
	ck_assert_str_eq(buf_text(&buf), "1234");
	buf_free(&buf);
}
END_TEST

START_TEST(reset_starts_anew_in_the_same_memory)
{
	struct buf buf = { .limit = 5 };
	const char *before;

	buf_puts(&buf, "1234");
	before = buf.data;
	buf_puts(&buf, "56");
	buf_reset(&buf);
	ck_assert(!buf.failed);
	ck_assert_str_eq(buf_text(&buf), "");
	buf_puts(&buf, "ab");
	ck_assert_ptr_eq(buf.data, before);
	ck_assert_str_eq(buf_text(&buf), "ab");
	buf_free(&buf);
	ck_assert_ptr_null(buf.data);
	ck_assert_uint_eq(buf.length, 0);
}
END_TEST

Suite *suite_buf(void)
{
	Suite *suite = suite_create("buf");
	TCase *tcase = tcase_create("buf");

	tcase_add_test(tcase, empty_buffer_reads_as_empty_text);
	tcase_add_test(tcase, writes_follow_each_other);
	tcase_add_test(tcase, grows_and_keeps_its_content);
	tcase_add_test(tcase, limit_fits_exactly);
	tcase_add_test(tcase, write_past_the_limit_fails_and_changes_nothing);
	tcase_add_test(tcase, reset_starts_anew_in_the_same_memory);
	suite_add_tcase(suite, tcase);
	return suite;
}
