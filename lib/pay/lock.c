#include "pay/lock.h"

#include <string.h>

/* Columns of lock_rows. */
/* clang-format off */
enum lock_column {
	PLACE, I_ID, I_STATUS, I_ATTEMPT, I_USER, I_ORIGIN, I_CHARGED, I_REFUND, I_SETTLED, R_ID,
	R_NUMBER, R_AMOUNT, R_STATUS, R_PAYMENT_STATUS, R_LEFT_MS, T_EXISTS, T_SEAT, T_PRICE, S_ID,
	S_LABEL, S_SECTION, S_ROW, S_NUMBER, S_STATUS
};
/* clang-format on */

enum db_code lock_and_look(struct db_tx *tx, struct pg_columns *rows, const struct lock_ids *alone,
			   struct db_step *look, const struct db_result **locked)
{
	struct db_step steps[3] = { { .sql = SQL_BATCH_PATIENCE },
				    { .sql = SQL_LOCK_ROWS },
				    *look };
	enum db_code code = DB_BROKEN;

	if (alone)
		steps[0] = (struct db_step){ .sql = SQL_LOCK_WAIT,
					     .params = { alone->intent, alone->reservation,
							 alone->reservation ? "3" : "1" } };
	if (pg_columns_end(rows, steps[1].params))
		code = db_tx_trip(tx, steps, 3);
	*locked = steps[1].result;
	look->result = steps[2].result;
	return code;
}

static void read_intent(const struct db_result *r, int row, struct locked *out)
{
	const char *origin = db_text(r, row, I_ORIGIN);

	out->intent_id = db_text(r, row, I_ID);
	out->intent_status = intent_status_parse(db_text(r, row, I_STATUS));
	out->attempt_id = db_uuid(r, row, I_ATTEMPT);
	out->user_id = db_text(r, row, I_USER);
	out->is_booking = origin && strcmp(origin, "booking") == 0;
	out->charged_krw = db_integer(r, row, I_CHARGED);
	out->refund_krw = db_integer(r, row, I_REFUND);
	out->was_settled = db_boolean(r, row, I_SETTLED);
}

static void read_reservation(const struct db_result *r, int row, struct locked *out)
{
	out->reservation_id = db_text(r, row, R_ID);
	out->number = db_text(r, row, R_NUMBER);
	out->amount_krw = db_integer(r, row, R_AMOUNT);
	out->status = db_text(r, row, R_STATUS);
	out->payment_status = db_text(r, row, R_PAYMENT_STATUS);
	out->reservation = reservation_state_of(out->status, out->payment_status);
	out->left_ms = db_text(r, row, R_LEFT_MS) ? db_integer(r, row, R_LEFT_MS) : INT64_MAX;
}

static void count_item(const struct db_result *r, int row, struct locked *out)
{
	const char *status = db_text(r, row, S_STATUS);

	if (!db_boolean(r, row, T_EXISTS))
		return;
	out->ticket_items += !db_text(r, row, T_SEAT);
	out->seats += db_text(r, row, T_SEAT) != NULL;
	if (!status)
		return;
	out->seats_found++;
	out->seats_locked += strcmp(status, "locked") == 0;
	out->seats_available += strcmp(status, "available") == 0;
	out->seats_reserved += strcmp(status, "reserved") == 0;
}

void locked_read(const struct db_result *r, int *row, struct locked *out)
{
	int64_t place = db_integer(r, *row, PLACE);

	*out = (struct locked){ .result = r, .first = *row };
	read_intent(r, *row, out);
	read_reservation(r, *row, out);
	for (; *row < db_rows(r) && db_integer(r, *row, PLACE) == place; ++*row)
		count_item(r, *row, out);
	out->end = *row;
}

bool locked_all(const struct locked *locked, const struct db_result *look, int row, int column)
{
	bool has_live = intent_is_live(locked->intent_status);

	return (has_live || db_integer(look, row, column) == 0) &&
	       (locked->reservation_id || db_integer(look, row, column + 1) == 0) &&
	       locked->seats_found == db_integer(look, row, column + 2);
}

enum db_code lock_one(struct db_tx *tx, const struct lock_ids *ids, struct db_step *look,
		      struct locked *out)
{
	struct pg_columns rows = { .count = 0 };
	const struct db_result *result;
	enum db_code code;
	int row = 0;

	pg_columns_add(&rows, ids->intent, ids->reservation);
	code = lock_and_look(tx, &rows, ids, look, &result);
	pg_columns_free(&rows);
	if (code == DB_OK)
		locked_read(result, &row, out);
	return code;
}

bool locked_next_seat(const struct locked *locked, int *position, struct locked_seat *out)
{
	const struct db_result *r = locked->result;
	int row = locked->first + *position;

	while (row < locked->end && !db_text(r, row, S_ID))
		row++;
	*position = row + 1 - locked->first;
	if (row >= locked->end)
		return false;
	*out = (struct locked_seat){ .id = db_text(r, row, S_ID),
				     .label = db_text(r, row, S_LABEL),
				     .section = db_text(r, row, S_SECTION),
				     .status = db_text(r, row, S_STATUS),
				     .row = db_integer(r, row, S_ROW),
				     .number = db_integer(r, row, S_NUMBER),
				     .price_krw = db_integer(r, row, T_PRICE) };
	return true;
}
