#include "pay/claim.h"

#include "base/fault_point.h"
#include "pay/intent.h"

#include <stdio.h>
#include <string.h>

/* The columns of claim_lock_reservation and claim_lock_intent, in order. */
enum claim_column {
	USER_EXISTS, I_FOUND, I_OWNED, I_ID, I_STATUS, I_ATTEMPT, I_ATTEMPTS,
	R_ID, R_AMOUNT, R_STATUS, R_PAYMENT_STATUS, R_PAST, R_NEAR, SEATS_NOT_HELD, I_METHOD
};

struct claim_run {
	struct claim *claim;
	struct outcome *outcome;
};

static void read_uuid(const struct db_result *r, int column, struct uuid *out)
{
	const char *text = db_text(r, 0, column);

	snprintf(out->text, sizeof(out->text), "%s", text == NULL ? "" : text);
}

static void read_row(const struct db_result *r, struct claim_row *row)
{
	const char *status = db_text(r, 0, R_STATUS);

	memset(row, 0, sizeof(*row));
	row->user_exists = db_boolean(r, 0, USER_EXISTS);
	row->intent_found = db_boolean(r, 0, I_FOUND);
	row->intent_owned = db_boolean(r, 0, I_OWNED);
	read_uuid(r, I_ID, &row->intent_id);
	row->intent_status = intent_status_parse(db_text(r, 0, I_STATUS));
	read_uuid(r, I_ATTEMPT, &row->attempt_id);
	row->attempts = (int)db_integer(r, 0, I_ATTEMPTS);
	read_uuid(r, R_ID, &row->reservation_id);
	row->amount_krw = db_integer(r, 0, R_AMOUNT);
	row->reservation = reservation_state_of(status, db_text(r, 0, R_PAYMENT_STATUS));
	row->status_cancelled = status != NULL && strcmp(status, "cancelled") == 0;
	row->past_deadline = db_boolean(r, 0, R_PAST);
	row->near_deadline = db_boolean(r, 0, R_NEAR);
	row->seats_not_held = db_integer(r, 0, SEATS_NOT_HELD);
}

static const char *given(const struct uuid *id)
{
	return id == NULL || id->text[0] == '\0' ? NULL : id->text;
}

static struct db_step lock_step(const struct claim *claim, const char *margin_ms)
{
	const char *user = claim->call->principal.user_id.text;

	if (claim->is_execute)
		return (struct db_step){ .sql = SQL_CLAIM_LOCK_INTENT,
					 .params = { given(claim->intent_id), given(claim->booking_id), user,
						     margin_ms } };
	return (struct db_step){ .sql = SQL_CLAIM_LOCK_RESERVATION,
				 .params = { claim->reservation_id->text, user, margin_ms } };
}

/* Fills what the charge will need; the method is the caller's, or the intent's own. */
static void fill_claim(struct claim *claim, const struct claim_row *row, const char *intent_method)
{
	const char *method = claim->is_execute ? intent_method : claim->payment_method;

	claim->claimed_intent = row->intent_status == INTENT_NONE ? uuid_new() : row->intent_id;
	claim->amount_krw = row->amount_krw;
	snprintf(claim->method, sizeof(claim->method), "%s", method == NULL ? "" : method);
	claim->gateway = gateway_for_method(claim->call->settings, claim->method);
}

static enum db_code write_claim(struct db_tx *tx, const struct claim *claim, const struct claim_row *row)
{
	const struct call *call = claim->call;
	const char *language = call->language == LANGUAGE_EN ? "en" : "ko";
	char amount[24], lease_ms[16];
	struct db_step step = {
		.sql = row->intent_status == INTENT_NONE ? SQL_CLAIM_ADOPT : SQL_CLAIM_AGAIN,
		.params = { claim->claimed_intent.text, row->reservation_id.text, call->principal.user_id.text,
			    amount, claim->method, claim->attempt.text, claim->gateway->name, lease_ms,
			    call->service->owner, call->idempotency_key, language, call->request_id,
			    claim->is_execute ? "execute" : "process" },
	};

	snprintf(amount, sizeof(amount), "%lld", (long long)claim->amount_krw);
	snprintf(lease_ms, sizeof(lease_ms), "%d", claim->gateway->lease_ms(call->settings));
	return db_tx_commit(tx, &step, 1);
}

static enum status decide(const struct claim *claim, const struct claim_row *row)
{
	int attempts_max = claim->call->settings->attempts_max;

	return claim->is_execute ? claim_decide_execute(row, attempts_max) : claim_decide_process(row, attempts_max);
}

static enum db_code claim_locked(struct db_tx *tx, struct claim *claim, const struct db_result *locked)
{
	struct claim_row row;

	read_row(locked, &row);
	if (claim_is_mine(&row, &claim->attempt)) {
		/* an earlier run's COMMIT went through, only its answer was lost */
		fill_claim(claim, &row, db_text(locked, 0, I_METHOD));
		claim->status = STATUS_OK;
		return DB_OK;
	}
	claim->claimed_intent = row.intent_id;
	claim->amount_krw = row.amount_krw;
	FAULT_POINT("claim_locked");
	claim->status = decide(claim, &row);
	if (claim->status != STATUS_OK)
		return DB_OK;
	fill_claim(claim, &row, db_text(locked, 0, I_METHOD));
	return write_claim(tx, claim, &row);
}

static enum db_code claim_body(struct db_tx *tx, void *context)
{
	struct claim_run *run = context;
	struct claim *claim = run->claim;
	struct db_step steps[3];
	char margin_ms[16];
	enum db_code code;

	snprintf(margin_ms, sizeof(margin_ms), "%d", claim->call->settings->hold_margin_ms);
	claim->verdict = IDEMPOTENCY_FIRST;
	if (claim->key == NULL) {
		steps[0] = lock_step(claim, margin_ms);
		code = db_tx_trip(tx, steps, 1);
		return code != DB_OK ? code : claim_locked(tx, claim, steps[0].result);
	}
	idempotency_steps(claim->key, &steps[0], &steps[2]);
	steps[1] = lock_step(claim, margin_ms);
	code = db_tx_trip(tx, steps, 3);
	if (code != DB_OK)
		return code;
	if (!db_boolean(steps[1].result, 0, USER_EXISTS)) {
		claim->status = STATUS_USER_NOT_FOUND;
		return DB_OK;
	}
	claim->verdict = idempotency_judge(claim->key, &steps[0], &steps[2], &claim->attempt, run->outcome);
	return claim->verdict == IDEMPOTENCY_FIRST ? claim_locked(tx, claim, steps[1].result) : DB_OK;
}

enum db_code claim_take(struct claim *claim, struct outcome *outcome)
{
	struct claim_run run = { claim, outcome };

	claim->attempt = uuid_new();
	claim->status = STATUS_OK;
	return db_tx_run(claim->call->service->pool, &DB_POLICY_REQUEST, claim_body, &run, &claim->call->db);
}
