/*
 * The taken seats of a performance. Before a sale everybody looks at the same hall: who asks for
 * all of it while it is being read waits for the next look, and that one answers all who wait. A
 * look begins after each of them asked, so nobody is shown a hall older than his question.
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
struct look {
	struct batch_item item;
	struct call *call;
	const struct uuid *performance_id;
	const struct uuid *asker; /* NULL: nobody that is known */
	int64_t since_us;
	bool answered;
	enum status status;
	struct spliced seats; /* where OK: with the asker's own marked */
};

static struct look *next_of(const struct look *look)
{
	return (struct look *)look->item.next;
}

/* The next after `look` that asks for the same; NULL: none. */
static struct look *next_alike(const struct look *look)
{
	struct look *next = next_of(look);

	while (next && strcmp(next->performance_id->text, look->performance_id->text) != 0)
		next = next_of(next);
	return next;
}

static void mark_own(struct look *first, const struct db_result *r, int row, size_t place)
{
	struct uuid buyer = db_uuid(r, row, BUYER);

	if (buyer.text[0] == '\0')
		return;
	for (struct look *look = first; look; look = next_alike(look))
		if (look->asker && strcmp(look->asker->text, buyer.text) == 0)
			spliced_put(&look->seats, place);
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

static struct shared_text *write_seats(struct look *first, const struct db_result *r)
{
	struct buf text = { .data = NULL }, id = { .data = NULL };
	struct json_out out = { .buf = &text };
	int rows = db_rows(r);

	buf_expect(&text, (size_t)rows * SEAT_BYTES);
	json_array_begin(&out, NULL);
	for (int row = 0; row < rows; row++) {
		write_seat(&out, &id, r, row, first->performance_id->text);
		mark_own(first, r, row, text.length);
		json_object_end(&out);
	}
	json_array_end(&out);
	text.failed |= id.failed;
	buf_free(&id);
	return shared_text_of(&text);
}

static void read_seats(const struct db_step *steps, void *context)
{
	struct look *first = context;
	bool exists = db_boolean(steps[0].result, 0, 0);
	struct shared_text *text = exists ? write_seats(first, steps[1].result) : NULL;

	for (struct look *look = first; look; look = next_alike(look)) {
		look->status = exists ? STATUS_OK : STATUS_PERFORMANCE_NOT_FOUND;
		if (text && !look->seats.places.failed)
			look->seats.text = shared_text_hold(text);
		else if (exists)
			look->status = STATUS_INTERNAL_ERROR;
	}
	shared_text_drop(text);
}

static void add_askers(const struct look *first, struct buf *askers)
{
	for (const struct look *look = first; look; look = next_alike(look))
		if (look->asker)
			pg_array_add(askers, look->asker->text);
	pg_array_end(askers);
}

/* For the first and all that are alike. `labels`: only these, an array; NULL: every seat. */
static void look_for(struct look *first, const char *labels)
{
	const char *performance = first->performance_id->text;
	struct buf askers = { .data = NULL };
	struct db_step steps[] = {
		{ .sql = SQL_OCCUPIED_PERFORMANCE, .params = { performance } },
		{ .sql = labels ? SQL_OCCUPIED_SOME : SQL_OCCUPIED_ALL,
		  .params = { performance, NULL, labels },
		  .format = DB_BINARY },
	};
	struct db_cost cost = { .trips = 0 };
	int64_t begin_us = clock_mono_us();
	enum db_code code = DB_BROKEN;

	add_askers(first, &askers);
	steps[1].params[1] = buf_text(&askers);
	if (!askers.failed)
		code = db_read(first->call->service->pool, steps, 2, read_seats, first, &cost);
	buf_free(&askers);
	for (struct look *look = first; look; look = next_alike(look)) {
		if (code != DB_OK)
			look->status = service_status_of(code);
		look->answered = true;
		call_count(look->call, &cost, begin_us - look->since_us);
	}
}

/* A batch is of one line, and a line may be of several performances. */
static void look_for_all(struct batch_item *items, void *context)
{
	(void)context;
	for (struct look *look = (struct look *)items; look; look = next_of(look)) {
		if (look->answered)
			continue;
		look_for(look, NULL);
		metrics_count(METRIC_SEAT_MAPS);
	}
}

static struct batch *line_of(struct service *service, const struct uuid *performance_id)
{
	unsigned int hash = 0;

	for (const char *at = performance_id->text; *at != '\0'; at++)
		hash = hash * 31 + (unsigned char)*at;
	return &service->looks[hash % SERVICE_LOOK_LINES];
}

static void look_with_others(struct look *look)
{
	struct call *call = look->call;

	if (!batch_do(line_of(call->service, look->performance_id), &look->item, look_for_all, NULL,
		      call->settings->db_wait_ms))
		look->status = STATUS_SERVICE_UNAVAILABLE;
	else
		metrics_count(METRIC_SEAT_MAPS_GIVEN);
}

static void look_alone(struct look *look, const char *const *labels, int count)
{
	struct buf wanted = { .data = NULL };

	for (int i = 0; i < count; i++)
		pg_array_add(&wanted, labels[i]);
	pg_array_end(&wanted);
	if (!wanted.failed)
		look_for(look, buf_text(&wanted));
	buf_free(&wanted);
}

void booking_occupied(struct call *call, const struct uuid *performance_id,
		      const struct uuid *asker, const char *const *labels, int count,
		      struct outcome *outcome)
{
	struct look look = {
		.call = call,
		.performance_id = performance_id,
		.asker = asker,
		.since_us = clock_mono_us(),
		.status = STATUS_INTERNAL_ERROR,
		.seats = { .word = MINE },
	};

	if (count == 0)
		look_with_others(&look);
	else
		look_alone(&look, labels, count);
	outcome->status = look.status;
	outcome->shared = look.seats;
	if (look.status != STATUS_OK)
		outcome_error(outcome, call, look.status);
}
