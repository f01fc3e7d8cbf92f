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
#include "pay/janitor/expire.h"
#include "pay/payment/payment.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX 32
#define ROUNDS_MAX 3 /* tried again; after that other buyers are quicker */

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

static void write_held_seats(struct json_out *out, const struct db_result *seats)
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
	write_held_seats(&out, seats);
	json_object_end(&out);
}

static enum db_code write_hold(struct db_tx *tx, struct hold *hold, const struct db_result *facts,
			       const struct db_result *seats)
{
	struct buf ids = { 0 }, prices = { 0 };
	struct decimal amount;
	char number[NUMBER_MAX];
	int64_t total = 0;
	int rows = db_rows(seats);
	enum db_code code = DB_BROKEN;
	struct db_step step = {
		.sql = SQL_HOLD_WRITE,
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
	step.params[14] = hold->key ? hold->key->fingerprint.text : NULL;
	step.params[15] = hold->key ? hold->key->hours : NULL;
	if (!ids.failed && !prices.failed && !hold->outcome->body.failed)
		code = db_tx_commit(tx, &step, 1);
	buf_free(&ids);
	buf_free(&prices);
	return code;
}

/* What the look_steps have read. True: the seats may be held. Else hold->result says whether the
 * outcome is complete. */
static bool judge_hold(struct hold *hold, const struct db_step steps[3])
{
	hold->result = HOLD_DONE;
	if (hold->key && !idempotency_allows(hold->key, steps[2].result, 0, 0, hold->outcome))
		return false;
	if (db_boolean(steps[1].result, 0, USER_EXISTS))
		return hold_allowed(hold, steps[1].result, steps[0].result);
	outcome_error(hold->outcome, hold->call, STATUS_USER_NOT_FOUND);
	return false;
}

/* The statements that read what a hold is judged by: the seats, by hold_lock or hold_look, the
 * facts and, with a key, the key. How many. */
static int look_steps(const struct hold *hold, enum sql_id seats, struct decimal *hold_s,
		      struct db_step steps[3])
{
	const char *performance = hold->input->performance_id.text;

	*hold_s = decimal(hold->call->settings->hold_s);
	steps[0] = (struct db_step){ .sql = seats,
				     .params = { performance, buf_text(&hold->ids),
						 buf_text(&hold->labels) } };
	steps[1] = (struct db_step){ .sql = SQL_HOLD_FACTS,
				     .params = { hold->call->principal.user_id.text, performance,
						 hold_s->text } };
	if (hold->key)
		steps[2] = idempotency_get(hold->key);
	return hold->key ? 3 : 2;
}

/*
 * The buyer's turn comes first: after a COMMIT that was never answered it is free only once that
 * has ended, one way or the other. If it went through, the answer written then still stands.
 */
static enum db_code hold_body(struct db_tx *tx, void *context)
{
	struct hold *hold = context;
	struct decimal hold_s;
	struct db_step steps[5] = {
		{ .sql = SQL_HOLD_TURN,
		  .params = { hold->call->principal.user_id.text,
			      hold->input->performance_id.text } },
	};
	struct db_step *look = &steps[1];
	int count = 1 + look_steps(hold, SQL_HOLD_LOCK, &hold_s, look);
	struct db_step *made = &steps[count];
	enum db_code code;

	*made = (struct db_step){ .sql = SQL_HOLD_MADE, .params = { hold->booking.text } };
	code = db_tx_trip(tx, steps, count + (db_tx_after_doubt(tx) ? 1 : 0));
	hold->result = code == DB_CONFLICT ? HOLD_RIVALLED : HOLD_DONE;
	if (code != DB_OK || (made->result && db_boolean(made->result, 0, 0)))
		return code;
	if (!judge_hold(hold, look))
		return DB_OK;
	return write_hold(tx, hold, look[1].result, look[0].result);
}

/* Ends the holds in the way whose time is over, so that the buyer need not wait for a janitor. */
static enum db_code end_lapsed(struct hold *hold)
{
	struct db_step find = { .sql = SQL_EXPIRE_FIND_SEATS,
				.params = { buf_text(&hold->lapsed) } };
	struct expire_rules rules = { .others = true };
	int64_t count;

	return expire(hold->call->service, &find, &rules, &count);
}

/* Names the seats that a rival holds or is about to hold. None: they are free again. */
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

/* A rival's lock is no reason to try again: a late buyer is told so at once. */
static const struct db_policy HOLD_POLICY = { .tries = 2,
					      .retry_conflict = false,
					      .retry_lost = true };

static enum db_code hold_once(struct hold *hold)
{
	struct db_pool *pool = hold->call->service->pool;
	enum db_code code = db_tx_run(pool, &HOLD_POLICY, hold_body, hold, &hold->call->db);

	if (code == DB_CONFLICT && hold->result == HOLD_RIVALLED)
		return db_tx_run(pool, &DB_POLICY_REQUEST, rivals_body, hold, &hold->call->db);
	if (code == DB_CONFLICT)
		hold->result =
			HOLD_RIVALLED; /* the number, the turn or the key was taken: once more */
	return code == DB_CONFLICT ? DB_OK : code;
}

static void read_look(const struct db_step *steps, void *context)
{
	struct hold *hold = context;

	if (judge_hold(hold, steps))
		hold->result = HOLD_UNDECIDED;
}

/* Without a lock or a transaction: when a sale opens most buyers are late, and this is all it takes
 * to tell them so. */
static enum db_code look_first(struct hold *hold)
{
	struct decimal hold_s;
	struct db_step steps[3];
	int count = look_steps(hold, SQL_HOLD_LOOK, &hold_s, steps);

	return db_read(hold->call->service->pool, steps, count, read_look, hold, &hold->call->db);
}

static void run_hold(struct hold *hold)
{
	enum db_code code = look_first(hold);

	for (int round = 0; round < ROUNDS_MAX && code == DB_OK && hold->result != HOLD_DONE;
	     round++) {
		if (hold->result == HOLD_LAPSED)
			code = end_lapsed(hold);
		if (code == DB_OK)
			code = hold_once(hold);
	}
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
static void init_hold_key(struct hold *hold, struct idempotency *key)
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
		init_hold_key(&hold, &key);
	if (hold.ids.failed || hold.labels.failed)
		outcome_error(outcome, call, STATUS_INTERNAL_ERROR);
	else
		run_hold(&hold);
	buf_free(&hold.ids);
	buf_free(&hold.labels);
	buf_free(&hold.lapsed);
}
