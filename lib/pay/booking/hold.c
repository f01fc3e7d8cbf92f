/*
 * Hold: all seats or none, in one transaction, without waiting for another
 * buyer. A seat whose hold has lapsed is taken over at once: the lapsed hold is
 * ended first, in a transaction of its own that takes its locks in the common
 * order.
 */
#include "pay/booking/hold.h"

#include "base/decimal.h"
#include "base/json_out.h"
#include "db/array.h"
#include "pay/payment/payment.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX 32
#define ROUNDS_MAX 3 /* lapsed holds ended and tried again; more means that others are quicker */

const char *booking_method_find(const char *method)
{
	if (strcasecmp(method, "credit_card") == 0)
		return "credit_card";
	for (int i = 0; i < PAYMENT_METHODS; i++)
		if (strcasecmp(method, payment_methods[i].id) == 0)
			return payment_methods[i].id;
	return NULL;
}

/* "TK" and 13 characters: time first, so that numbers grow; 25 random bits, so that two never
 * meet. */
static void make_number(char out[NUMBER_MAX])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	struct uuid id = uuid_new();
	unsigned long long value = 0;
	char *at = out + 2;

	for (int i = 0; id.text[i] != '\0'; i++)
		if (id.text[i] != '-' && i != 14 && value < 1ull << 60)
			value = value * 16 +
				(unsigned long long)(strchr("0123456789abcdef", id.text[i]) -
						     "0123456789abcdef");
	memcpy(out, "TK", 2);
	for (int i = 60; i >= 0; i -= 5)
		*at++ = digits[value >> i & 31];
	*at = '\0';
}

static void write_seats(struct json_out *out, const struct db_result *seats)
{
	int rows = db_rows(seats);

	json_array_begin(out, "seats");
	for (int row = 0; row < rows; row++) {
		json_object_begin(out, NULL);
		json_string(out, "id", db_text(seats, row, S_ID));
		json_string(out, "seatId", db_text(seats, row, S_LABEL));
		json_integer(out, "price", db_integer(seats, row, S_PRICE));
		json_object_end(out);
	}
	json_array_end(out);
}

static void answer_held(struct hold *hold, int64_t total, const struct db_result *facts,
			const struct db_result *seats)
{
	struct json_out out = { .buf = &hold->outcome->body };

	buf_reset(&hold->outcome->body);
	hold->outcome->status = STATUS_OK;
	hold->outcome->http = 201;
	hold->outcome->intent_id = hold->intent;
	json_object_begin(&out, NULL);
	json_string(&out, "message",
		    hold->call->language == LANGUAGE_EN ? "The seats are held."
							: "좌석이 선점되었습니다.");
	json_string(&out, "bookingId", hold->booking.text);
	json_string(&out, "paymentIntentId", hold->intent.text);
	json_string(&out, "orderId", hold->order.text);
	json_integer(&out, "totalAmount", total);
	json_string(&out, "expiresAt", db_text(facts, 0, DEADLINE_ISO));
	write_seats(&out, seats);
	json_object_end(&out);
}

static enum db_code make(struct db_tx *tx, struct hold *hold, const struct db_result *facts,
			 const struct db_result *seats)
{
	struct buf ids = { 0 }, prices = { 0 };
	struct decimal amount;
	char number[NUMBER_MAX];
	int64_t total = 0;
	int rows = db_rows(seats);
	enum db_code code = DB_BROKEN;
	struct db_step step = {
		.sql = SQL_HOLD_MAKE,
		.params = { hold->booking.text, hold->call->principal.user_id.text,
			    hold->input->performance_id.text, number, amount.text,
			    hold->input->payment_method, db_text(facts, 0, DEADLINE),
			    hold->intent.text },
	};

	make_number(number);
	for (int row = 0; row < rows; row++) {
		total += db_integer(seats, row, S_PRICE);
		pg_array_add(&ids, db_text(seats, row, S_ID));
		pg_array_add(&prices, db_text(seats, row, S_PRICE));
	}
	pg_array_end(&ids);
	pg_array_end(&prices);
	amount = decimal(total);
	answer_held(hold, total, facts, seats);
	step.params[8] = buf_text(&ids);
	step.params[9] = buf_text(&prices);
	step.params[10] = hold->call->idempotency_key;
	step.params[11] = buf_text(&hold->outcome->body);
	step.params[12] = hold->call->request_id;
	step.params[13] = hold->order.text;
	if (!ids.failed && !prices.failed && !hold->outcome->body.failed)
		code = db_tx_commit(tx, &step, 1);
	buf_free(&ids);
	buf_free(&prices);
	return code;
}

/* True: the key lets the request be carried out. */
static bool key_allows(struct hold *hold, const struct db_step *begin, const struct db_step *get)
{
	switch (idempotency_judge(hold->key, begin, get, NULL, hold->outcome)) {
	case IDEMPOTENCY_FIRST:
		return true;
	case IDEMPOTENCY_REPLAY:
		return false;
	case IDEMPOTENCY_MISMATCH:
		outcome_error(hold->outcome, hold->call, STATUS_IDEMPOTENCY_MISMATCH);
		return false;
	case IDEMPOTENCY_IN_PROGRESS:
	case IDEMPOTENCY_UNKNOWN:
		break;
	}
	outcome_error(hold->outcome, hold->call, STATUS_IDEMPOTENCY_IN_PROGRESS);
	return false;
}

/* With a key, what it says comes first: a trip of its own, so that a replay takes no seat's
 * lock. */
static enum db_code check_key(struct db_tx *tx, struct hold *hold, bool *go_on)
{
	struct db_step steps[2];
	enum db_code code;

	*go_on = true;
	if (!hold->key)
		return DB_OK;
	idempotency_steps(hold->key, &steps[0], &steps[1]);
	code = db_tx_trip(tx, steps, 2);
	if (code == DB_OK)
		*go_on = key_allows(hold, &steps[0], &steps[1]);
	return code;
}

/*
 * After a COMMIT that nobody answered: was it carried out? The answer written then still stands.
 * The buyer's turn comes first: it is free only once that COMMIT has ended, one way or the other.
 */
static enum db_code check_doubt(struct db_tx *tx, struct hold *hold, bool *go_on)
{
	struct db_step steps[] = {
		{ .sql = SQL_HOLD_TURN,
		  .params = { hold->call->principal.user_id.text,
			      hold->input->performance_id.text } },
		{ .sql = SQL_HOLD_MADE, .params = { hold->booking.text } },
	};
	enum db_code code;

	*go_on = true;
	if (!db_tx_after_doubt(tx))
		return DB_OK;
	code = db_tx_trip(tx, steps, 2);
	if (code == DB_OK)
		*go_on = !db_boolean(steps[1].result, 0, 0);
	return code;
}

static enum db_code hold_body(struct db_tx *tx, void *context)
{
	struct hold *hold = context;
	const char *user = hold->call->principal.user_id.text,
		   *performance = hold->input->performance_id.text;
	char hold_s[16];
	struct db_step steps[] = {
		{ .sql = SQL_HOLD_TURN, .params = { user, performance } },
		{ .sql = SQL_HOLD_FACTS, .params = { user, performance, hold_s } },
		{ .sql = SQL_HOLD_SEATS,
		  .params = { performance, buf_text(&hold->ids), buf_text(&hold->labels) } },
	};
	enum db_code code;
	bool go_on;

	hold->result = HOLD_DONE;
	snprintf(hold_s, sizeof(hold_s), "%d", hold->call->settings->hold_s);
	code = check_doubt(tx, hold, &go_on);
	if (code != DB_OK || !go_on)
		return code;
	code = check_key(tx, hold, &go_on);
	if (code != DB_OK || !go_on)
		return code;
	code = db_tx_trip(tx, steps, 3);
	if (code == DB_CONFLICT) {
		hold->result = HOLD_RIVALLED;
		return code;
	}
	if (code != DB_OK)
		return code;
	if (!db_boolean(steps[1].result, 0, USER_EXISTS)) {
		outcome_error(hold->outcome, hold->call, STATUS_USER_NOT_FOUND);
		return DB_OK;
	}
	if (!hold_allowed(hold, steps[1].result, steps[2].result))
		return DB_OK;
	return make(tx, hold, steps[1].result, steps[2].result);
}

static enum db_code lapse_body(struct db_tx *tx, void *context)
{
	struct hold *hold = context;
	struct db_step step = { .sql = SQL_HOLD_LAPSE, .params = { buf_text(&hold->lapsed) } };

	return db_tx_commit(tx, &step, 1);
}

/* Names the seats a rival holds or is about to. None: he has let go of them meanwhile. */
static enum db_code rivals_body(struct db_tx *tx, void *context)
{
	struct hold *hold = context;
	struct db_step step = { .sql = SQL_HOLD_RIVALS,
				.params = { hold->input->performance_id.text, buf_text(&hold->ids),
					    buf_text(&hold->labels) } };
	const char *labels[BOOKING_SEATS_MAX];
	enum db_code code = db_tx_trip(tx, &step, 1);
	int row;

	if (code != DB_OK)
		return code;
	for (row = 0; row < db_rows(step.result) && row < BOOKING_SEATS_MAX; row++)
		labels[row] = db_text(step.result, row, 0);
	if (row > 0) {
		hold_answer_seats(hold, STATUS_SEAT_UNAVAILABLE, labels, row);
		hold->result = HOLD_DONE;
	}
	return DB_OK;
}

/* A rival's lock is no reason to try again: who is late is told so at once. */
static const struct db_policy HOLD_POLICY = { .tries = 2,
					      .retry_conflict = false,
					      .retry_lost = true };

static enum db_code hold_once(struct hold *hold)
{
	struct db_pool *pool = hold->call->service->pool;
	enum db_code code = db_tx_run(pool, &HOLD_POLICY, hold_body, hold, &hold->call->db);

	if (code == DB_CONFLICT && hold->result == HOLD_RIVALLED)
		return db_tx_run(pool, &DB_POLICY_REQUEST, rivals_body, hold, &hold->call->db);
	if (code == DB_OK && hold->result == HOLD_LAPSED)
		return db_tx_run(pool, &DB_POLICY_REQUEST, lapse_body, hold, &hold->call->db);
	if (code == DB_CONFLICT)
		hold->result = HOLD_RIVALLED; /* the number or the turn was taken: once more */
	return code == DB_CONFLICT ? DB_OK : code;
}

static void read_look(const struct db_step *steps, void *context)
{
	struct hold *hold = context;

	hold->result = HOLD_DONE;
	if (!db_boolean(steps[0].result, 0, USER_EXISTS))
		outcome_error(hold->outcome, hold->call, STATUS_USER_NOT_FOUND);
	else if (hold_allowed(hold, steps[0].result, steps[1].result))
		hold->result = HOLD_UNDECIDED;
}

/* A look without a lock or a transaction: when a sale opens most buyers are late, and this is all
 * it takes to tell them so. */
static enum db_code look(struct hold *hold)
{
	const char *performance = hold->input->performance_id.text;
	char hold_s[16];
	struct db_step steps[] = {
		{ .sql = SQL_HOLD_FACTS,
		  .params = { hold->call->principal.user_id.text, performance, hold_s } },
		{ .sql = SQL_HOLD_LOOK,
		  .params = { performance, buf_text(&hold->ids), buf_text(&hold->labels) } },
	};

	snprintf(hold_s, sizeof(hold_s), "%d", hold->call->settings->hold_s);
	return db_read(hold->call->service->pool, steps, 2, read_look, hold, &hold->call->db);
}

static void run(struct hold *hold)
{
	enum db_code code = DB_OK;
	int round;

	hold->result = HOLD_UNDECIDED;
	if (!hold->key) /* else a stored answer comes before any rule */
		code = look(hold);
	for (round = 0; round < ROUNDS_MAX && code == DB_OK && hold->result != HOLD_DONE; round++)
		code = hold_once(hold);
	if (code != DB_OK)
		outcome_error(hold->outcome, hold->call, service_status_of(code));
	else if (hold->result != HOLD_DONE)
		hold_answer_seats(hold, STATUS_SEAT_UNAVAILABLE, hold->input->seats,
				  hold->input->seat_count);
}

static void split_names(struct hold *hold)
{
	struct uuid id;

	for (int i = 0; i < hold->input->seat_count; i++) {
		if (uuid_parse(hold->input->seats[i], &id))
			pg_array_add(&hold->ids, id.text);
		else
			pg_array_add(&hold->labels, hold->input->seats[i]);
	}
	pg_array_end(&hold->ids);
	pg_array_end(&hold->labels);
}

/* The request's meaning for its Idempotency-Key: performance, method, seats as named. */
static void init_key(struct hold *hold, struct idempotency *key)
{
	struct buf meaning = { 0 };

	buf_printf(&meaning, "bookings\n%s\n%s\n%s\n%s", hold->input->performance_id.text,
		   hold->input->payment_method, buf_text(&hold->ids), buf_text(&hold->labels));
	idempotency_init(key, hold->call, "bookings", buf_text(&meaning));
	buf_free(&meaning);
	hold->key = key;
}

void booking_hold(struct call *call, const struct hold_input *input, struct outcome *outcome)
{
	struct hold hold = { .call = call,
			     .input = input,
			     .outcome = outcome,
			     .booking = uuid_new(),
			     .intent = uuid_new(),
			     .order = uuid_new() };
	struct idempotency key;

	split_names(&hold);
	if (call->idempotency_key)
		init_key(&hold, &key);
	if (hold.ids.failed || hold.labels.failed)
		outcome_error(outcome, call, STATUS_INTERNAL_ERROR);
	else
		run(&hold);
	buf_free(&hold.ids);
	buf_free(&hold.labels);
	buf_free(&hold.lapsed);
}
