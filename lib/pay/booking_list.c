#include "pay/booking.h"

#include "base/clock.h"
#include "base/json_out.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum page_column {
	R_ID, R_CREATED_LOCAL, R_EVENT, LABELS, QUANTITY, R_TOTAL, R_METHOD, R_STATUS, R_PAYMENT_STATUS, I_ID,
	R_EXPIRES, R_CREATED, R_UPDATED
};

/* A cursor is the last row's place in the order: "<created_at>_<id>", the time in the database's zone, as it is
 * stored, with a T ahead of the hours so that it can stand in an address as it is. */
#define CURSOR_TIME_MAX 32
#define TIME_LENGTH 19 /* to the second */
#define TIME_MS_LENGTH 23 /* to the millisecond */
#define OLDEST_ID "ffffffff-ffff-ffff-ffff-ffffffffffff"

#define BOOKING_BYTES 512 /* of a booking in the answer, about */

struct list {
	struct call *call;
	const struct bookings_page *page;
	struct outcome *outcome;
};

/* A time that exists, as PostgreSQL prints one; anything else would be its error, and ours. */
static bool is_time(const char *text)
{
	struct tm given = { 0 }, normal;
	int length = 0;

	if (strspn(text, "0123456789-:.T") != strlen(text) ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &given.tm_year, &given.tm_mon, &given.tm_mday, &given.tm_hour,
		   &given.tm_min, &given.tm_sec, &length) != 6 ||
	    length != TIME_LENGTH || given.tm_year < 1)
		return false;
	given.tm_year -= 1900;
	given.tm_mon -= 1;
	normal = given;
	timegm(&normal); /* carries what is out of range over into the next field */
	if (normal.tm_mon != given.tm_mon || normal.tm_mday != given.tm_mday || normal.tm_hour != given.tm_hour ||
	    normal.tm_min != given.tm_min || normal.tm_sec != given.tm_sec)
		return false;
	text += length;
	return *text == '\0' || (*text == '.' && strlen(text) <= 7 && text[1 + strspn(text + 1, "0123456789")] == '\0');
}

static bool read_cursor(const char *cursor, char time[CURSOR_TIME_MAX], struct uuid *id)
{
	const char *split = strchr(cursor, '_');
	size_t length = split == NULL ? 0 : (size_t)(split - cursor);

	if (length < 10 || length >= CURSOR_TIME_MAX)
		return false;
	memcpy(time, cursor, length);
	time[length] = '\0';
	return is_time(time) && uuid_parse(split + 1, id);
}

static void write_cursor(struct outcome *outcome, const struct db_result *r, int row)
{
	struct uuid id = db_uuid(r, row, R_ID);
	int64_t us, ms;

	if (!db_time(r, row, R_CREATED_LOCAL, &us))
		return;
	ms = clock_us_to_ms(us);
	snprintf(outcome->next_cursor, sizeof(outcome->next_cursor), "%.*s%03d_%s", TIME_MS_LENGTH,
		 clock_iso_utc(ms).text, (int)(us - ms * 1000), id.text);
}

static void write_id(struct json_out *out, const char *name, const struct db_result *r, int row, int column)
{
	struct uuid id = db_uuid(r, row, column);

	json_string(out, name, *id.text ? id.text : NULL);
}

static void write_time(struct json_out *out, const char *name, const struct db_result *r, int row, int column)
{
	int64_t us;

	if (db_time(r, row, column, &us))
		json_string(out, name, clock_iso_utc(clock_us_to_ms(us)).text);
	else
		json_null(out, name);
}

static void write_row(struct json_out *out, const struct db_result *r, int row, const char *user_id)
{
	json_object_begin(out, NULL);
	write_id(out, "bookingId", r, row, R_ID);
	json_string(out, "userId", user_id);
	write_id(out, "performanceId", r, row, R_EVENT);
	json_raw(out, "seatIds", db_text(r, row, LABELS));
	json_integer(out, "quantity", db_integer(r, row, QUANTITY));
	json_integer(out, "totalAmount", db_integer(r, row, R_TOTAL));
	json_string(out, "paymentMethod", db_text(r, row, R_METHOD));
	json_string(out, "status", db_text(r, row, R_STATUS));
	json_string(out, "paymentStatus", db_text(r, row, R_PAYMENT_STATUS));
	write_id(out, "paymentIntentId", r, row, I_ID);
	write_time(out, "expiresAt", r, row, R_EXPIRES);
	write_time(out, "createdAt", r, row, R_CREATED);
	write_time(out, "updatedAt", r, row, R_UPDATED);
	json_object_end(out);
}

static void read_page(const struct db_step *steps, void *context)
{
	struct list *list = context;
	const struct db_result *r = steps[1].result;
	struct json_out out = { .buf = &list->outcome->body };
	int row, rows = db_rows(r), shown = rows > list->page->limit ? list->page->limit : rows;

	if (!db_boolean(steps[0].result, 0, 0)) {
		outcome_error(list->outcome, list->call, STATUS_USER_NOT_FOUND);
		return;
	}
	buf_reset(&list->outcome->body);
	buf_expect(&list->outcome->body, (size_t)shown * BOOKING_BYTES);
	list->outcome->status = STATUS_OK;
	json_array_begin(&out, NULL);
	for (row = 0; row < shown; row++)
		write_row(&out, r, row, list->page->user_id.text);
	json_array_end(&out);
	if (rows > shown)
		write_cursor(list->outcome, r, shown - 1);
}

void booking_list(struct call *call, const struct bookings_page *page, struct outcome *outcome)
{
	struct list list = { call, page, outcome };
	char time[CURSOR_TIME_MAX] = "infinity", most[16];
	struct uuid id = { OLDEST_ID };
	struct db_step steps[] = {
		{ .sql = SQL_USER_EXISTS, .params = { call->principal.user_id.text } },
		{ .sql = SQL_BOOKINGS_PAGE, .params = { page->user_id.text, time, id.text, most },
		  .format = DB_BINARY },
	};
	enum db_code code;

	if (page->cursor != NULL && !read_cursor(page->cursor, time, &id)) {
		outcome_error(outcome, call, STATUS_INVALID_PARAMETER);
		return;
	}
	snprintf(most, sizeof(most), "%d", page->limit + 1); /* one more tells whether there is a next page */
	code = db_read(call->service->pool, steps, 2, read_page, &list, &call->db);
	if (code != DB_OK)
		outcome_error(outcome, call, service_status_of(code));
}
