/*
 * As text a cursor is "<created_at>_<id>", with a T ahead of the hours so that it can stand in an
 * address as it is.
 */
#include "pay/booking/cursor.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIME_LENGTH 19	  /* to the second */
#define TIME_MS_LENGTH 23 /* to the millisecond */

void booking_cursor_first(struct booking_cursor *cursor)
{
	*cursor = (struct booking_cursor){ "infinity", { "ffffffff-ffff-ffff-ffff-ffffffffffff" } };
}

/* A time that exists, as PostgreSQL prints one; anything else would be its error, and ours. */
static bool is_time(const char *text)
{
	struct tm given = { 0 }, normal;
	int length = 0;

	if (strspn(text, "0123456789-:.T") != strlen(text) ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &given.tm_year, &given.tm_mon, &given.tm_mday,
		   &given.tm_hour, &given.tm_min, &given.tm_sec, &length) != 6 ||
	    length != TIME_LENGTH || given.tm_year < 1)
		return false;
	given.tm_year -= 1900;
	given.tm_mon -= 1;
	normal = given;
	timegm(&normal); /* carries what is out of range over into the next field */
	if (normal.tm_mon != given.tm_mon || normal.tm_mday != given.tm_mday ||
	    normal.tm_hour != given.tm_hour || normal.tm_min != given.tm_min ||
	    normal.tm_sec != given.tm_sec)
		return false;
	text += length;
	return *text == '\0' || (*text == '.' && strlen(text) <= 7 &&
				 text[1 + strspn(text + 1, "0123456789")] == '\0');
}

bool booking_cursor_read(struct booking_cursor *cursor, const char *text)
{
	const char *split = strchr(text, '_');
	size_t length = split ? (size_t)(split - text) : 0;

	if (length < 10 || length >= sizeof(cursor->created))
		return false;
	memcpy(cursor->created, text, length);
	cursor->created[length] = '\0';
	return is_time(cursor->created) && uuid_parse(split + 1, &cursor->id);
}

void booking_cursor_write(char *text, size_t size, int64_t created_us, const struct uuid *id)
{
	int64_t ms = clock_us_to_ms(created_us);

	snprintf(text, size, "%.*s%03d_%s", TIME_MS_LENGTH, clock_iso_utc(ms).text,
		 (int)(created_us - ms * 1000), id->text);
}
