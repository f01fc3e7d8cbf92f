/* If these fail, log lines tell the wrong time, or a pause ends early. */
#include "base/clock.h"
#include "suites.h"

#include <time.h>

static const struct {
	int64_t unix_ms;
	const char *text;
} times[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ -1, "1969-12-31T23:59:59.999Z" },
	{ 951782400000, "2000-02-29T00:00:00.000Z" },
	{ 951868800000, "2000-03-01T00:00:00.000Z" },
	{ 1735689599999, "2024-12-31T23:59:59.999Z" },
	{ 1795164012934, "2026-11-20T08:40:12.934Z" },
	{ 4107542400000, "2100-03-01T00:00:00.000Z" },
	{ 253402300799999, "9999-12-31T23:59:59.999Z" },
};

START_TEST(known_times_are_written_right)
{
	ck_assert_str_eq(clock_iso_utc(times[_i].unix_ms).text, times[_i].text);
}
END_TEST

START_TEST(every_day_agrees_with_the_c_library)
{
	for (int64_t day = -40000; day < 200000; day += 7) {
		time_t at = (time_t)(day * 86400);
		char expected[32];
		struct tm tm;

		ck_assert_ptr_nonnull(gmtime_r(&at, &tm));
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
		ck_assert_str_eq(clock_iso_utc(day * 86400000).text, expected);
	}
}
END_TEST

START_TEST(milliseconds_are_rounded_down)
{
	ck_assert_int_eq(clock_us_to_ms(1999), 1);
	ck_assert_int_eq(clock_us_to_ms(0), 0);
	ck_assert_int_eq(clock_us_to_ms(-1), -1);
	ck_assert_int_eq(clock_us_to_ms(-2000), -2);
}
END_TEST

START_TEST(sleep_lasts_at_least_as_long_as_asked)
{
	int64_t start_us = clock_mono_us();

	clock_sleep_ms(30);
	ck_assert_int_ge(clock_mono_us() - start_us, 30000);
	start_us = clock_mono_us();
	clock_sleep_ms(0);
	clock_sleep_ms(-5);
	ck_assert_int_lt(clock_mono_us() - start_us, 30000);
}
END_TEST

START_TEST(clocks_agree_on_their_units)
{
	ck_assert_int_le(clock_mono_ms(), clock_mono_us() / 1000);
	ck_assert_int_ge(clock_mono_ms() + 1000, clock_mono_us() / 1000);
	ck_assert_int_le(clock_unix_ms() / 1000, (int64_t)time(NULL) + 1);
	ck_assert_int_ge(clock_unix_ms() / 1000, (int64_t)time(NULL) - 1);
}
END_TEST

Suite *suite_clock(void)
{
	Suite *suite = suite_create("clock");
	TCase *tcase = tcase_create("clock");

	tcase_add_loop_test(tcase, known_times_are_written_right, 0,
			    sizeof(times) / sizeof(times[0]));
	tcase_add_test(tcase, every_day_agrees_with_the_c_library);
	tcase_add_test(tcase, milliseconds_are_rounded_down);
	tcase_add_test(tcase, sleep_lasts_at_least_as_long_as_asked);
	tcase_add_test(tcase, clocks_agree_on_their_units);
	suite_add_tcase(suite, tcase);
	return suite;
}
