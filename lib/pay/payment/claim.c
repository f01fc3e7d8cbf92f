#include "pay/payment/claim.h"

#include "base/clock.h"
#include "base/decimal.h"
#include "base/fault_point.h"
#include "pay/payment/intent.h"
#include "pay/payment/together.h"

#include <stdio.h>
#include <string.h>

/* The columns of claim_lock_reservation and claim_lock_intent, in order. */
enum claim_column {
	USER_EXISTS,
	I_FOUND,
	I_OWNED,
	I_ID,
	I_STATUS,
	I_ATTEMPT,
	I_ATTEMPTS,
	R_ID,
	R_AMOUNT,
	R_STATUS,
	R_PAYMENT_STATUS,
	R_PAST,
	R_NEAR,
	SEATS_NOT_HELD,
	I_METHOD,
	I_ORDER
};

struct claim_run {
	struct claim *claim;
	struct outcome *outcome;
};

static struct uuid read_uuid(const struct db_result *r, int column)
{
	return uuid_of(db_text(r, 0, column));
}

static void read_row(const struct db_result *r, struct claim_row *row)
{
	const char *status = db_text(r, 0, R_STATUS);

	memset(row, 0, sizeof(*row));
	row->user_exists = db_boolean(r, 0, USER_EXISTS);
	row->intent_found = db_boolean(r, 0, I_FOUND);
	row->intent_owned = db_boolean(r, 0, I_OWNED);
	row->intent_id = read_uuid(r, I_ID);
	row->intent_status = intent_status_parse(db_text(r, 0, I_STATUS));
	row->attempt_id = read_uuid(r, I_ATTEMPT);
	row->order_id = read_uuid(r, I_ORDER);
	row->attempts = (int)db_integer(r, 0, I_ATTEMPTS);
	row->reservation_id = read_uuid(r, R_ID);
	row->amount_krw = db_integer(r, 0, R_AMOUNT);
	row->reservation = reservation_state_of(status, db_text(r, 0, R_PAYMENT_STATUS));
	row->status_cancelled = status && strcmp(status, "cancelled") == 0;
	row->past_deadline = db_boolean(r, 0, R_PAST);
	row->near_deadline = db_boolean(r, 0, R_NEAR);
	row->seats_not_held = db_integer(r, 0, SEATS_NOT_HELD);
}

static const char *given(const struct uuid *id)
{
	return !id || id->text[0] == '\0' ? NULL : id->text;
}

static struct db_step lock_step(const struct claim *claim, const struct decimal *margin)
{
	const char *user = claim->call->principal.user_id.text;

	if (claim->is_execute)
		return (struct db_step){ .sql = SQL_CLAIM_LOCK_INTENT,
					 .params = { given(claim->intent_id),
						     given(claim->booking_id), user,
						     margin->text } };
	return (struct db_step){ .sql = SQL_CLAIM_LOCK_RESERVATION,
				 .params = { claim->reservation_id->text, user, margin->text } };
}

/* Fills what the charge will need; the method is the caller's, or the intent's own. */
static void fill_claim(struct claim *claim, const struct claim_row *row, const char *intent_method)
{
	const char *method = claim->is_execute ? intent_method : claim->payment_method;

	claim->claimed_intent = row->intent_status == INTENT_NONE ? uuid_new() : row->intent_id;
	claim->claimed_reservation = row->reservation_id;
	claim->amount_krw = row->amount_krw;
	snprintf(claim->method, sizeof(claim->method), "%s", method ? method : "");
	claim->gateway = gateway_for_method(claim->call->settings, claim->method);
}

/*
 * The id to charge under: the order id that was handed out for it. A reservation without an intent
 * has none; a gateway whose customer agreed to one order has it for the reservation's own id.
 */
static void choose_attempt(struct claim *claim, const struct claim_row *row)
{
	if (row->order_id.text[0] != '\0')
		claim->attempt = row->order_id;
	else if (row->intent_status == INTENT_NONE && claim->gateway->needs_token)
		claim->attempt = row->reservation_id;
	else
		claim->attempt = uuid_new();
}

static enum db_code write_claim(struct db_tx *tx, const struct claim *claim,
				const struct claim_row *row)
{
	const struct call *call = claim->call;
	struct decimal amount = decimal(claim->amount_krw),
		       lease = decimal(claim->gateway->lease_ms(call->settings));
	struct db_step step = {
		.sql = row->intent_status == INTENT_NONE ? SQL_CLAIM_ADOPT : SQL_CLAIM_AGAIN,
		.params = { claim->claimed_intent.text, row->reservation_id.text,
			    call->principal.user_id.text, amount.text, claim->method,
			    claim->attempt.text, claim->gateway->name, lease.text,
			    call->service->owner, call->idempotency_key,
			    language_name(call->language), call->request_id,
			    claim->is_execute ? "execute" : "process", claim->next_order.text },
	};

	return db_tx_commit(tx, &step, 1);
}

static enum status decide(const struct claim *claim, const struct claim_row *row)
{
	int attempts_max = claim->call->settings->attempts_max;

	return claim->is_execute ? claim_decide_execute(row, attempts_max)
				 : claim_decide_process(row, attempts_max);
}

static enum db_code claim_locked(struct db_tx *tx, struct claim *claim, const struct claim_row *row,
				 const char *intent_method)
{
	if (claim_is_mine(row, &claim->next_order)) {
		/* an earlier run's COMMIT went through, only its answer was lost */
		fill_claim(claim, row, intent_method);
		claim->attempt = row->attempt_id;
		claim->status = STATUS_OK;
		return DB_OK;
	}
	claim->claimed_intent = row->intent_id;
	claim->amount_krw = row->amount_krw;
	FAULT_POINT("claim_locked");
	claim->status = decide(claim, row);
	if (claim->status != STATUS_OK)
		return DB_OK;
	fill_claim(claim, row, intent_method);
	choose_attempt(claim, row);
	return write_claim(tx, claim, row);
}

/* The verdict of the key; a run that finds its own claim made already is the first, not a rival. */
static enum idempotency_verdict judge_key(struct claim_run *run, const struct db_step steps[3],
					  const struct claim_row *row)
{
	const struct claim *claim = run->claim;
	const struct uuid *mine = claim_is_mine(row, &claim->next_order) ? &row->attempt_id : NULL;

	return idempotency_judge(claim->key, &steps[0], &steps[2], mine, run->outcome);
}

/* Locks and reads; with an Idempotency-Key, that is begun before and read after it in the same
 * trip. */
static enum db_code claim_looking(struct db_tx *tx, void *context)
{
	struct claim_run *run = context;
	struct claim *claim = run->claim;
	struct decimal margin = decimal(claim->call->settings->hold_margin_ms);
	struct db_step steps[3];
	struct db_step *lock = &steps[claim->key ? 1 : 0];
	struct claim_row row;
	enum db_code code;

	claim->verdict = IDEMPOTENCY_FIRST;
	if (claim->key)
		idempotency_steps(claim->key, &steps[0], &steps[2]);
	*lock = lock_step(claim, &margin);
	code = db_tx_trip(tx, steps, claim->key ? 3 : 1);
	if (code != DB_OK)
		return code;
	read_row(lock->result, &row);
	if (claim->key && row.user_exists)
		claim->verdict = judge_key(run, steps, &row);
	if (claim->verdict != IDEMPOTENCY_FIRST)
		return DB_OK;
	return claim_locked(tx, claim, &row, db_text(lock->result, 0, I_METHOD));
}

/* The ordinary first payment: decided and written by one statement, which says no more than whether
 * it was. *made: it was; else the careful way finds out what stands against it. */
static enum db_code claim_at_once(struct claim *claim, bool *made)
{
	struct claim_row row = { .intent_status = INTENT_NONE,
				 .reservation_id = *claim->reservation_id };

	fill_claim(claim, &row, NULL);
	choose_attempt(claim, &row);
	return claim_together(claim, made);
}

static enum db_code claim_carefully(struct claim *claim, struct outcome *outcome)
{
	struct claim_run run = { claim, outcome };

	return db_tx_run(claim->call->service->pool, &DB_POLICY_REQUEST, claim_looking, &run,
			 &claim->call->db);
}

enum db_code claim_take(struct claim *claim, struct outcome *outcome)
{
	enum db_code at_once = DB_OK, code;
	bool made = false;

	claim->next_order = uuid_new();
	claim->taken_ms = clock_mono_ms();
	claim->verdict = IDEMPOTENCY_FIRST;
	claim->status = STATUS_OK;
	if (!claim->is_execute && !claim->key)
		at_once = claim_at_once(claim, &made);
	if (made || at_once == DB_UNAVAILABLE)
		return at_once;
	claim->call->db.retries += at_once != DB_OK;
	code = claim_carefully(claim, outcome);
	/* a doubt that the careful way could not clear stands */
	return code != DB_OK && at_once == DB_MAYBE ? DB_MAYBE : code;
}
