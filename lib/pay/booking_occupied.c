#include "pay/booking.h"

#include "base/clock.h"
#include "base/json_out.h"
#include "pay/pg_array.h"

#define SEAT_BYTES 224 /* of a taken seat in the answer, about */

enum occupied_column { LABEL, BOOKED, LOCKED_UNTIL, MINE };

struct occupied {
	struct call *call;
	const struct uuid *performance_id;
	struct outcome *outcome;
};

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
	json_string(out, "performanceId", performance);
	json_string(out, "seatId", label);
	json_string(out, "status", db_boolean(r, row, BOOKED) ? "booked" : "locked");
	if (db_time(r, row, LOCKED_UNTIL, &until_us))
		json_string(out, "lockedUntil", clock_iso_utc(clock_us_to_ms(until_us)).text);
	else
		json_null(out, "lockedUntil");
	if (db_boolean(r, row, MINE))
		json_bool(out, "mine", true);
	json_object_end(out);
}

static void read_seats(const struct db_step *steps, void *context)
{
	struct occupied *occupied = context;
	const struct db_result *r = steps[1].result;
	struct json_out out = { .buf = &occupied->outcome->body };
	struct buf id = { 0 };
	int row, rows = db_rows(r);

	if (!db_boolean(steps[0].result, 0, 0)) {
		outcome_error(occupied->outcome, occupied->call, STATUS_PERFORMANCE_NOT_FOUND);
		return;
	}
	buf_reset(&occupied->outcome->body);
	buf_expect(&occupied->outcome->body, (size_t)rows * SEAT_BYTES);
	occupied->outcome->status = STATUS_OK;
	json_array_begin(&out, NULL);
	for (row = 0; row < rows; row++)
		write_seat(&out, &id, r, row, occupied->performance_id->text);
	json_array_end(&out);
	occupied->outcome->body.failed |= id.failed;
	buf_free(&id);
}

void booking_occupied(struct call *call, const struct uuid *performance_id, const struct uuid *asker,
		      const char *const *labels, int count, struct outcome *outcome)
{
	struct occupied occupied = { call, performance_id, outcome };
	const char *user = asker == NULL ? NULL : asker->text;
	struct buf wanted = { 0 };
	struct db_step steps[] = {
		{ .sql = SQL_OCCUPIED_PERFORMANCE, .params = { performance_id->text } },
		{ .sql = count == 0 ? SQL_OCCUPIED_ALL : SQL_OCCUPIED_SOME, .params = { performance_id->text, user },
		  .format = DB_BINARY },
	};
	enum db_code code = DB_BROKEN;
	int i;

	for (i = 0; i < count; i++)
		pg_array_add(&wanted, labels[i]);
	pg_array_end(&wanted);
	steps[1].params[2] = buf_text(&wanted);
	if (!wanted.failed)
		code = db_read(call->service->pool, steps, 2, read_seats, &occupied, &call->db);
	buf_free(&wanted);
	if (code != DB_OK)
		outcome_error(outcome, call, service_status_of(code));
}
