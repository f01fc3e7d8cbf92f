#include "pay/booking/hold.h"

#include "base/json_out.h"
#include "db/array.h"

#include <string.h>

void hold_answer_seats(struct hold *hold, enum status status, const char *const *names, int count)
{
	struct json_out out;

	buf_reset(&hold->outcome->body);
	hold->outcome->status = status;
	answer_error_begin(&out, &hold->outcome->body, status, hold->call->language,
			   hold->call->request_id);
	json_array_begin(&out, "seats");
	for (int i = 0; i < count; i++)
		json_string(&out, NULL, names[i]);
	json_array_end(&out);
	answer_error_end(&out);
}

/* Which row a name stands for: its id or its label. -1: none. -2: two seats bear that label. */
static int find_seat(const struct db_result *seats, const char *name)
{
	struct uuid id;
	bool is_id = uuid_parse(name, &id);
	int found = -1, rows = db_rows(seats);

	for (int row = 0; row < rows; row++) {
		if (strcmp(is_id ? id.text : name, db_text(seats, row, is_id ? S_ID : S_LABEL)) !=
		    0)
			continue;
		if (found >= 0)
			return -2;
		found = row;
	}
	return found;
}

/* Every name is one seat, and no seat is named twice (by its id and by its label, say). */
static bool names_resolve(struct hold *hold, const struct db_result *seats)
{
	const char *missing[BOOKING_SEATS_MAX];
	bool used[BOOKING_SEATS_MAX] = { false };
	int row, missing_count = 0;

	for (int i = 0; i < hold->input->seat_count; i++) {
		row = find_seat(seats, hold->input->seats[i]);
		if (row == -1) {
			missing[missing_count++] = hold->input->seats[i];
		} else if (row == -2 || row >= BOOKING_SEATS_MAX || used[row]) {
			outcome_error(hold->outcome, hold->call, STATUS_INVALID_SEATS);
			return false;
		} else {
			used[row] = true;
		}
	}
	if (missing_count > 0)
		hold_answer_seats(hold, STATUS_SEAT_NOT_FOUND, missing, missing_count);
	return missing_count == 0;
}

/* Seats that are not free: answered, unless all that stand in the way are lapsed holds. */
static bool seats_free(struct hold *hold, const struct db_result *seats)
{
	const char *taken[BOOKING_SEATS_MAX];
	int rows = db_rows(seats), taken_count = 0, lapsed_count = 0;

	buf_reset(&hold->lapsed);
	for (int row = 0; row < rows && taken_count < BOOKING_SEATS_MAX; row++) {
		if (strcmp(db_text(seats, row, S_STATUS), "available") == 0)
			continue;
		if (db_boolean(seats, row, S_LAPSED)) {
			pg_array_add(&hold->lapsed, db_text(seats, row, S_ID));
			lapsed_count++;
		} else {
			taken[taken_count++] = db_text(seats, row, S_LABEL);
		}
	}
	pg_array_end(&hold->lapsed);
	if (taken_count > 0)
		hold_answer_seats(hold, STATUS_SEAT_UNAVAILABLE, taken, taken_count);
	else if (lapsed_count > 0)
		hold->result = HOLD_LAPSED;
	return taken_count == 0 && lapsed_count == 0;
}

bool hold_allowed(struct hold *hold, const struct db_result *facts, const struct db_result *seats)
{
	enum status refusal = STATUS_OK;

	if (!db_boolean(facts, 0, PERFORMANCE_FOUND)) {
		outcome_error(hold->outcome, hold->call, STATUS_PERFORMANCE_NOT_FOUND);
		return false;
	}
	if (!names_resolve(hold, seats))
		return false;
	if (!db_boolean(facts, 0, ON_SALE))
		refusal = STATUS_SALE_CLOSED;
	else if (!seats_free(hold, seats))
		return false;
	else if (db_integer(facts, 0, SEATS_HELD) + db_rows(seats) >
		 hold->call->settings->seats_per_user)
		refusal = STATUS_TICKET_LIMIT;
	if (refusal != STATUS_OK)
		outcome_error(hold->outcome, hold->call, refusal);
	return refusal == STATUS_OK;
}
