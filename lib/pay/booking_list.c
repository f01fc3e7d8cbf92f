#include "pay/booking.h"

#include "base/json_out.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum page_column {
	R_ID, R_CREATED_RAW, R_EVENT, LABELS, QUANTITY, R_TOTAL, R_METHOD, R_STATUS, R_PAYMENT_STATUS, I_ID,
	R_EXPIRES, R_CREATED, R_UPDATED
};

/* A cursor is the last row's place in the order: "<created_at>_<id>", with a T for the space in the time
 * so that it can stand in an address as it is. */
#define CURSOR_TIME_MAX 32
#define TIME_LENGTH 19 /* to the second */
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

static void write_cursor(struct outcome *outcome, const char *time, const char *id)
{
	char *space;

	snprintf(outcome->next_cursor, sizeof(outcome->next_cursor), "%s_%s", time, id);
	space = strchr(outcome->next_cursor, ' ');
	if (space != NULL)
		*space = 'T';
}

static void write_row(struct json_out *out, const struct db_result *r, int row, const char *user_id)
{
	json_object_begin(out, NULL);
	json_string(out, "bookingId", db_text(r, row, R_ID));
	json_string(out, "userId", user_id);
	json_string(out, "performanceId", db_text(r, row, R_EVENT));
	json_raw(out, "seatIds", db_text(r, row, LABELS));
	json_integer(out, "quantity", db_integer(r, row, QUANTITY));
	json_integer(out, "totalAmount", db_integer(r, row, R_TOTAL));
	json_string(out, "paymentMethod", db_text(r, row, R_METHOD));
	json_string(out, "status", db_text(r, row, R_STATUS));
	json_string(out, "paymentStatus", db_text(r, row, R_PAYMENT_STATUS));
	json_string(out, "paymentIntentId", db_text(r, row, I_ID));
	json_string(out, "expiresAt", db_text(r, row, R_EXPIRES));
	json_string(out, "createdAt", db_text(r, row, R_CREATED));
	json_string(out, "updatedAt", db_text(r, row, R_UPDATED));
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
		write_cursor(list->outcome, db_text(r, shown - 1, R_CREATED_RAW), db_text(r, shown - 1, R_ID));
}

void booking_list(struct call *call, const struct bookings_page *page, struct outcome *outcome)
{
	struct list list = { call, page, outcome };
	char time[CURSOR_TIME_MAX] = "infinity", most[16];
	struct uuid id = { OLDEST_ID };
	struct db_step steps[] = {
		{ .sql = SQL_USER_EXISTS, .params = { call->principal.user_id.text } },
		{ .sql = SQL_BOOKINGS_PAGE, .params = { page->user_id.text, time, id.text, most } },
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
