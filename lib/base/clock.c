#include "base/clock.h"

#include <errno.h>
#include <time.h>

#define MS_PER_DAY INT64_C(86400000)
#define DAYS_PER_ERA 146097  /* 400 years: the Gregorian calendar's period */
#define DAYS_TO_EPOCH 719468 /* from 0000-03-01 to 1970-01-01 */

struct date {
	uint32_t year, month, day;
};

static struct timespec clock_read(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now;
}

int64_t clock_mono_us(void)
{
	struct timespec now = clock_read(CLOCK_MONOTONIC);

	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

int64_t clock_unix_ms(void)
{
	struct timespec now = clock_read(CLOCK_REALTIME);

	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t floor_div(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

int64_t clock_us_to_ms(int64_t us)
{
	return floor_div(us, 1000);
}

void clock_sleep_ms(int64_t ms)
{
	struct timespec until = clock_read(CLOCK_MONOTONIC);

	if (ms <= 0)
		return;
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		continue;
}

/* Not gmtime_r: it may lock and allocate, and a log line must not wait. Years begin in March, so
 * that the leap day is the last day of a year. */
static struct date date_of_day(int64_t unix_day)
{
	int64_t day = unix_day + DAYS_TO_EPOCH;
	int64_t era = floor_div(day, DAYS_PER_ERA);
	int in_era = (int)(day - era * DAYS_PER_ERA);
	int year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int in_year = in_era - (365 * year + year / 4 - year / 100);
	int from_march = (5 * in_year + 2) / 153;
	int month = from_march < 10 ? from_march + 3 : from_march - 9;

	return (struct date){
		.year = (uint32_t)(era * 400 + year + (month <= 2)),
		.month = (uint32_t)month,
		.day = (uint32_t)(in_year - (153 * from_march + 2) / 5 + 1),
	};
}

static char *put_two(char *at, uint32_t value, char after)
{
	at[0] = (char)('0' + value / 10 % 10);
	at[1] = (char)('0' + value % 10);
	at[2] = after;
	return at + 3;
}

struct clock_iso clock_iso_utc(int64_t unix_ms)
{
	int64_t unix_day = floor_div(unix_ms, MS_PER_DAY);
	uint32_t ms = (uint32_t)(unix_ms - unix_day * MS_PER_DAY);
	struct date date = date_of_day(unix_day);
	struct clock_iso iso;
	char *at = iso.text;

	at = put_two(at, date.year / 100, '\0') - 1;
	at = put_two(at, date.year % 100, '-');
	at = put_two(at, date.month, '-');
	at = put_two(at, date.day, 'T');
	at = put_two(at, ms / 3600000, ':');
	at = put_two(at, ms / 60000 % 60, ':');
	at = put_two(at, ms / 1000 % 60, '.');
	*at++ = (char)('0' + ms / 100 % 10);
	put_two(at, ms % 100, 'Z')[0] = '\0';
	return iso;
}
