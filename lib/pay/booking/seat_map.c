/*
 * The taken seats of a performance: before a sale all buyers ask for the same seat map. Requests
 * that arrive while it is being read share the next read, which begins after each of them asked: no
 * answer is older than its question.
 */
#include "pay/booking/booking.h"

#include "base/clock.h"
#include "base/json_out.h"
#include "db/array.h"
#include "pay/metrics.h"

#include <string.h>

#define MINE ",\"mine\":true" /* a member more, for the buyer alone */
#define SEAT_BYTES 224	      /* of a taken seat in the answer, about */

enum occupied_column { LABEL, BOOKED, LOCKED_UNTIL, BUYER };

/* One request's part. */
struct viewer {
	struct batch_member member;
	struct call *call;
	const struct uuid *performance_id;
	const struct uuid *user; /* NULL: not logged in */
	bool answered;
	enum status status;
	struct spliced seats; /* where OK: with the asker's own marked */
};

static struct viewer *viewer_after(const struct viewer *viewer)
{
	return (struct viewer *)viewer->member.next;
}

/* The next after `viewer` that asks for the same; NULL: none. */
static struct viewer *viewer_alike(const struct viewer *viewer)
{
	struct viewer *next = viewer_after(viewer);

	while (next && strcmp(next->performance_id->text, viewer->performance_id->text) != 0)
		next = viewer_after(next);
	return next;
}

static void mark_own_seats(struct viewer *first, const struct db_result *r, int row, size_t place)
{
	struct uuid buyer = db_uuid(r, row, BUYER);

	if (buyer.text[0] == '\0')
		return;
	for (struct viewer *viewer = first; viewer; viewer = viewer_alike(viewer))
		if (viewer->user && strcmp(viewer->user->text, buyer.text) == 0)
			spliced_put(&viewer->seats, place);
}

static void write_seat(struct json_out *out, struct buf *id, const struct db_result *r, int row,
		       const char *performance)
{
	const char *label = db_text(r, row, LABEL);
	int64_t until_us;

	buf_reset(id);
	buf_puts(id, performance);
	buf_puts(id, "_");
	buf_puts(id, label);
	json_object_begin(out, NULL);
	json_string(out, "id", buf_text(id));
	json_plain(out, "performanceId", performance, UUID_LENGTH);
	json_string(out, "seatId", label);
	json_string(out, "status", db_boolean(r, row, BOOKED) ? "booked" : "locked");
	if (db_time(r, row, LOCKED_UNTIL, &until_us))
		json_plain(out, "lockedUntil", clock_iso_utc(clock_us_to_ms(until_us)).text,
			   CLOCK_ISO_LENGTH);
	else
		json_null(out, "lockedUntil");
}

static struct shared_text *write_seat_map(struct viewer *first, const struct db_result *r)
{
	struct buf text = { .data = NULL }, id = { .data = NULL };
	struct json_out out = { .buf = &text };
	int rows = db_rows(r);

	buf_expect(&text, (size_t)rows * SEAT_BYTES);
	json_array_begin(&out, NULL);
	for (int row = 0; row < rows; row++) {
		write_seat(&out, &id, r, row, first->performance_id->text);
		mark_own_seats(first, r, row, text.length);
		json_object_end(&out);
	}
	json_array_end(&out);
	text.failed |= id.failed;
	buf_free(&id);
	return shared_text_of(&text);
}

static void read_seat_map(const struct db_step *steps, void *context)
{
	struct viewer *first = context;
	bool exists = db_boolean(steps[0].result, 0, 0);
	struct shared_text *text = exists ? write_seat_map(first, steps[1].result) : NULL;

	for (struct viewer *viewer = first; viewer; viewer = viewer_alike(viewer)) {
		viewer->status = exists ? STATUS_OK : STATUS_PERFORMANCE_NOT_FOUND;
		if (text && !viewer->seats.places.failed)
			viewer->seats.text = shared_text_hold(text);
		else if (exists)
			viewer->status = STATUS_INTERNAL_ERROR;
	}
	shared_text_drop(text);
}

static void add_viewers(const struct viewer *first, struct buf *users)
{
	for (const struct viewer *viewer = first; viewer; viewer = viewer_alike(viewer))
		if (viewer->user)
			pg_array_add(users, viewer->user->text);
	pg_array_end(users);
}

/* For all viewers of one performance. `labels`: only these seats, an array; NULL: every seat. */
static enum db_code read_performance(struct viewer *first, const char *labels, struct db_cost *cost)
{
	const char *performance = first->performance_id->text;
	struct buf users = { .data = NULL };
	struct db_step steps[] = {
		{ .sql = SQL_OCCUPIED_PERFORMANCE, .params = { performance } },
		{ .sql = labels ? SQL_OCCUPIED_SOME : SQL_OCCUPIED_ALL,
		  .params = { performance, NULL, labels },
		  .format = DB_BINARY },
	};
	enum db_code code = DB_BROKEN;

	add_viewers(first, &users);
	steps[1].params[1] = buf_text(&users);
	if (!users.failed)
		code = db_read(first->call->service->pool, steps, 2, read_seat_map, first, cost);
	buf_free(&users);
	return code;
}

/* A queue may have viewers of several performances. */
enum db_code seat_map_batch(struct batch_member *member, bool alone, struct db_cost *cost)
{
	struct viewer *first = (struct viewer *)member;
	enum db_code code;

	for (struct viewer *viewer = first; viewer; viewer = viewer_after(viewer))
		viewer->answered = false;
	for (; first; first = viewer_after(first)) {
		if (first->answered)
			continue;
		metrics_count(METRIC_SEAT_MAPS);
		code = read_performance(first, NULL, cost);
		for (struct viewer *viewer = first; viewer; viewer = viewer_alike(viewer)) {
			viewer->answered = true;
			viewer->member.runs_alone = code == DB_BROKEN && !alone;
			if (code != DB_OK)
				viewer->status = service_status_of(code);
		}
	}
	return DB_OK;
}

static struct batch *queue_of(struct service *service, const struct uuid *performance_id)
{
	unsigned int hash = 0;

	for (const char *at = performance_id->text; *at != '\0'; at++)
		hash = hash * 31 + (unsigned char)*at;
	return &service->seat_maps[hash % SERVICE_SEAT_MAPS];
}

static void view_all(struct viewer *viewer)
{
	struct call *call = viewer->call;
	enum db_code code = batch_do(queue_of(call->service, viewer->performance_id),
				     &viewer->member, call->settings->db_wait_ms);

	if (code == DB_OK)
		metrics_count(METRIC_SEAT_MAPS_GIVEN);
	else
		viewer->status = service_status_of(code);
}

static void view_some(struct viewer *viewer, const char *const *labels, int count)
{
	struct buf wanted = { .data = NULL };
	enum db_code code = DB_BROKEN;

	for (int i = 0; i < count; i++)
		pg_array_add(&wanted, labels[i]);
	pg_array_end(&wanted);
	if (!wanted.failed)
		code = read_performance(viewer, buf_text(&wanted), &viewer->call->db);
	if (code != DB_OK)
		viewer->status = service_status_of(code);
	buf_free(&wanted);
}

void booking_occupied(struct call *call, const struct uuid *performance_id,
		      const struct uuid *asker, const char *const *labels, int count,
		      struct outcome *outcome)
{
	struct viewer viewer = {
		.member = { .cost = &call->db },
		.call = call,
		.performance_id = performance_id,
		.user = asker,
		.status = STATUS_INTERNAL_ERROR,
		.seats = { .word = MINE },
	};

	if (count == 0)
		view_all(&viewer);
	else
		view_some(&viewer, labels, count);
	outcome->status = viewer.status;
	outcome->shared = viewer.seats;
	if (viewer.status != STATUS_OK)
		outcome_error(outcome, call, viewer.status);
}
