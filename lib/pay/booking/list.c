/*
 * Pages of users' bookings. Requests that arrive while pages are being read share the next read.
 * What each is given is its own: every row says for which page it was read and whose booking it is,
 * and one that does not belong to the page is never shown.
 */
#include "pay/booking/booking.h"

#include "base/clock.h"
#include "base/decimal.h"
#include "base/json_out.h"
#include "base/log.h"
#include "db/array.h"
#include "pay/booking/cursor.h"
#include "pay/metrics.h"

#include <assert.h>
#include <string.h>

/* clang-format off */
enum page_column {
	PLACE, ASKER_EXISTS, R_USER, R_ID, R_CREATED_LOCAL, R_EVENT, LABELS, QUANTITY, R_TOTAL,
	R_METHOD, R_STATUS, R_PAYMENT_STATUS, I_ID, R_EXPIRES, R_CREATED, R_UPDATED
};
/* clang-format on */

#define BOOKING_BYTES 512 /* of a booking in the answer, about */

/* One request's part. */
struct listing {
	struct batch_member member;
	struct call *call;
	const struct bookings_page *page;
	struct booking_cursor from;
	struct outcome *outcome;
	struct json_out out;
	enum status status;
	int rows; /* that came for it */
	int seen; /* of these */
	int last; /* the result's row that it shows last */
};

static struct listing *listing_after(const struct listing *listing)
{
	return (struct listing *)listing->member.next;
}

static void write_id(struct json_out *out, const char *name, const struct db_result *r, int row,
		     int column)
{
	struct uuid id = db_uuid(r, row, column);

	if (*id.text)
		json_plain(out, name, id.text, UUID_LENGTH);
	else
		json_null(out, name);
}

static void write_time(struct json_out *out, const char *name, const struct db_result *r, int row,
		       int column)
{
	int64_t us;

	if (db_time(r, row, column, &us))
		json_plain(out, name, clock_iso_utc(clock_us_to_ms(us)).text, CLOCK_ISO_LENGTH);
	else
		json_null(out, name);
}

static void write_booking(struct json_out *out, const struct db_result *r, int row,
			  const char *user_id)
{
	json_object_begin(out, NULL);
	write_id(out, "bookingId", r, row, R_ID);
	json_plain(out, "userId", user_id, UUID_LENGTH);
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

static void write_cursor(struct outcome *outcome, const struct db_result *r, int row)
{
	struct uuid id = db_uuid(r, row, R_ID);
	int64_t us;

	if (db_time(r, row, R_CREATED_LOCAL, &us))
		booking_cursor_write(outcome->next_cursor, sizeof(outcome->next_cursor), us, &id);
}

static void page_begin(struct listing *listing)
{
	buf_reset(&listing->outcome->body);
	listing->status = STATUS_INTERNAL_ERROR; /* until its first row is seen */
	listing->seen = 0;
	listing->out = (struct json_out){ .buf = &listing->outcome->body };
	buf_expect(&listing->outcome->body, (size_t)listing->rows * BOOKING_BYTES);
	json_array_begin(&listing->out, NULL);
}

static bool belongs(const struct listing *listing, const struct uuid *user)
{
	if (strcmp(user->text, listing->page->user_id.text) == 0)
		return true;
	log_event(LOG_LEVEL_ERROR, "booking_of_another",
		  "a booking of user %s was read for the page of user %s", user->text,
		  listing->page->user_id.text);
	return false;
}

static void page_add(struct listing *listing, const struct db_result *r, int row,
		     const struct uuid *user)
{
	if (!belongs(listing, user)) {
		listing->status = STATUS_INTERNAL_ERROR;
	} else if (listing->seen <= listing->page->limit) {
		write_booking(&listing->out, r, row, user->text);
		listing->last = row;
	} else { /* the one more that was asked for */
		write_cursor(listing->outcome, r, listing->last);
	}
}

/* A page has a row for each booking; one without any has a row of NULLs. */
static void page_row(struct listing *listing, const struct db_result *r, int row)
{
	struct uuid user = db_uuid(r, row, R_USER);

	if (listing->seen++ == 0)
		listing->status =
			db_boolean(r, row, ASKER_EXISTS) ? STATUS_OK : STATUS_USER_NOT_FOUND;
	if (listing->status == STATUS_OK && user.text[0] != '\0')
		page_add(listing, r, row, &user);
}

static struct listing *at_place(struct listing *first, int64_t place)
{
	struct listing *listing = first;

	while (listing && --place > 0)
		listing = listing_after(listing);
	assert(listing && place == 0);
	return listing;
}

static void read_pages(const struct db_step *steps, void *context)
{
	const struct db_result *r = steps[0].result;
	struct listing *first = context;

	for (struct listing *listing = first; listing; listing = listing_after(listing))
		listing->rows = 0;
	for (int row = 0; row < db_rows(r); row++)
		at_place(first, db_integer(r, row, PLACE))->rows++;
	for (struct listing *listing = first; listing; listing = listing_after(listing))
		page_begin(listing);
	for (int row = 0; row < db_rows(r); row++)
		page_row(at_place(first, db_integer(r, row, PLACE)), r, row);
	for (struct listing *listing = first; listing; listing = listing_after(listing))
		json_array_end(&listing->out);
}

/* In the order of bookings_pages' arrays. */
static void add_page(struct pg_columns *columns, const struct listing *listing)
{
	/* one more tells whether there is a next page */
	struct decimal most = decimal(listing->page->limit + 1);

	pg_columns_add(columns, listing->call->principal.user_id.text, listing->page->user_id.text,
		       listing->from.created, listing->from.id.text, most.text);
}

enum db_code booking_list_batch(struct batch_member *member, bool alone, struct db_cost *cost)
{
	struct listing *first = (struct listing *)member;
	struct db_step step = { .sql = SQL_BOOKINGS_PAGES, .format = DB_BINARY };
	struct pg_columns columns = { .count = 0 };
	enum db_code code = DB_BROKEN;

	(void)alone;
	metrics_count(METRIC_BOOKING_LOOKS);
	for (const struct listing *listing = first; listing; listing = listing_after(listing)) {
		add_page(&columns, listing);
		metrics_count(METRIC_BOOKING_LISTS);
	}
	if (pg_columns_end(&columns, step.params))
		code = db_read(first->call->service->pool, &step, 1, read_pages, first, cost);
	pg_columns_free(&columns);
	return code;
}

void booking_list(struct call *call, const struct bookings_page *page, struct outcome *outcome)
{
	struct listing listing = {
		.member = { .cost = &call->db },
		.call = call,
		.page = page,
		.outcome = outcome,
	};
	enum db_code code;

	booking_cursor_first(&listing.from);
	if (page->cursor && !booking_cursor_read(&listing.from, page->cursor)) {
		listing.status = STATUS_INVALID_PARAMETER;
	} else {
		code = batch_do(&call->service->lists, &listing.member, call->settings->db_wait_ms);
		if (code != DB_OK)
			listing.status = service_status_of(code);
	}
	outcome->status = listing.status;
	if (listing.status != STATUS_OK) {
		outcome->next_cursor[0] = '\0';
		outcome_error(outcome, call, listing.status);
	}
}
