/* Claims of one batch: lock, look, decide, write. See pay/lock.h. */
#include "pay/payment/claim.h"

#include "base/clock.h"
#include "base/decimal.h"
#include "base/fault_point.h"
#include "db/array.h"

#include <stdio.h>
#include <string.h>

#define LEASE_SLACK_MS 2000 /* between the lock and the write, at the most */

/* Columns of claim_lock. */
/* clang-format off */
enum lock_column {
	L_PLACE, I_ID, I_STATUS, I_ATTEMPT, I_ATTEMPTS, I_METHOD, I_ORDER, R_ID, R_AMOUNT, R_STATUS,
	R_PAYMENT_STATUS, R_EXPIRES, R_LEFT_MS
};
/* clang-format on */

/* Columns of claim_look; claim_look_keyed goes on with key_columns. */
/* clang-format off */
enum look_column {
	PLACE, USERS, INTENTS, INTENTS_OWN, INTENTS_LIVE, RESERVATIONS, SEATS_NOT_HELD, KEY
};
/* clang-format on */

/* --- decide --- */

/* What both operations ask of the reservation once the intent itself allows a charge. */
static enum status decide_charge(const struct claim_facts *facts, const struct settings *settings)
{
	if (facts->left_ms <= settings->hold_margin_ms ||
	    facts->reservation != RESERVATION_PENDING || facts->seats_not_held > 0)
		return STATUS_RESERVATION_EXPIRED;
	if (facts->attempts >= settings->attempts_max)
		return STATUS_PAYMENT_DECLINED;
	return STATUS_OK;
}

static enum status decide_process(const struct claim_facts *facts, const struct settings *settings)
{
	bool is_past = facts->left_ms <= 0;

	if (facts->reservation == RESERVATION_NONE)
		return STATUS_RESERVATION_NOT_FOUND;
	if (facts->reservation == RESERVATION_PAID)
		return STATUS_ALREADY_PAID;
	if (intent_is_under_way(facts->intent_status))
		return STATUS_PAYMENT_IN_PROGRESS;
	if (facts->status_cancelled && !is_past)
		return STATUS_RESERVATION_CANCELLED;
	if (is_past || facts->reservation == RESERVATION_LAPSED)
		return STATUS_RESERVATION_EXPIRED;
	if (facts->intent_status != INTENT_NONE && facts->intent_status != INTENT_REQUIRES_PAYMENT)
		return STATUS_ALREADY_PAID;
	return decide_charge(facts, settings);
}

static enum status decide_execute(const struct claim_facts *facts, const struct settings *settings)
{
	if (!facts->intent_found)
		return STATUS_INTENT_NOT_FOUND;
	if (!facts->intent_owned)
		return STATUS_FORBIDDEN;
	if (intent_is_under_way(facts->intent_status))
		return STATUS_PAYMENT_IN_PROGRESS;
	if (facts->intent_status == INTENT_EXPIRED)
		return STATUS_RESERVATION_EXPIRED;
	if (facts->intent_status != INTENT_REQUIRES_PAYMENT || facts->status_cancelled ||
	    facts->reservation == RESERVATION_PAID)
		return STATUS_ALREADY_PROCESSED;
	return decide_charge(facts, settings);
}

enum status claim_decide(const struct claim_facts *facts, bool is_execute,
			 const struct settings *settings)
{
	if (!facts->user_exists)
		return STATUS_USER_NOT_FOUND;
	return is_execute ? decide_execute(facts, settings) : decide_process(facts, settings);
}

/* --- lock and look --- */

static struct claim *claim_of(struct batch_member *member)
{
	return (struct claim *)member;
}

static struct claim *claim_after(const struct claim *claim)
{
	return claim_of(claim->member.next);
}

static const char *given(const struct uuid *id)
{
	return id->text[0] == '\0' ? NULL : id->text;
}

static bool is_any_keyed(const struct claim *claim)
{
	while (claim && !claim->key)
		claim = claim_after(claim);
	return claim;
}

/* In one round trip; lock and look take the same arrays. results[0] is the lock's. */
static enum db_code lock_claims(struct db_tx *tx, struct claim *first, bool alone,
				const struct db_result *results[2])
{
	struct pg_columns columns = { .count = 0 };
	struct db_step steps[] = {
		{ .sql = SQL_BATCH_PATIENCE },
		{ .sql = SQL_CLAIM_LOCK },
		{ .sql = is_any_keyed(first) ? SQL_CLAIM_LOOK_KEYED : SQL_CLAIM_LOOK },
	};
	enum db_code code = DB_BROKEN;

	if (alone)
		steps[0] = (struct db_step){ .sql = SQL_LOCK_WAIT,
					     .params = { given(&first->intent_id),
							 given(&first->reservation_id), "2" } };
	for (const struct claim *claim = first; claim; claim = claim_after(claim))
		pg_columns_add(&columns, given(&claim->intent_id), given(&claim->reservation_id),
			       claim->call->principal.user_id.text,
			       claim->is_execute ? "execute" : "process",
			       claim->key ? claim->call->idempotency_key : NULL);
	if (pg_columns_end(&columns, steps[1].params)) {
		memcpy(steps[2].params, steps[1].params, sizeof(steps[2].params));
		code = db_tx_trip(tx, steps, 3);
	}
	pg_columns_free(&columns);
	results[0] = steps[1].result;
	results[1] = steps[2].result;
	return code;
}

/* What another transaction has locked, or has just made, looks as if it did not exist. */
static bool claim_is_locked_elsewhere(const struct claim *claim, const struct db_result *lock,
				      const struct db_result *look, int row)
{
	enum intent_status intent = intent_status_parse(db_text(lock, row, I_STATUS));
	bool is_missed =
		!db_text(lock, row, R_ID) || (!claim->is_execute && !intent_is_live(intent) &&
					      db_integer(look, row, INTENTS_LIVE) > 0);

	return (intent == INTENT_NONE && db_integer(look, row, INTENTS_OWN) > 0) ||
	       (is_missed && db_integer(look, row, RESERVATIONS) > 0);
}

static struct claim_facts read_claim_facts(const struct claim *claim, const struct db_result *lock,
					   const struct db_result *look, int row)
{
	const char *status = db_text(lock, row, R_STATUS);
	enum intent_status intent = intent_status_parse(db_text(lock, row, I_STATUS));
	bool is_past_one = !claim->is_execute && !intent_is_live(intent);

	return (struct claim_facts){
		.user_exists = db_integer(look, row, USERS) > 0,
		.intent_found = db_integer(look, row, INTENTS) > 0,
		.intent_owned = intent != INTENT_NONE,
		.intent_status = is_past_one ? INTENT_NONE : intent,
		.attempts = is_past_one ? 0 : (int)db_integer(lock, row, I_ATTEMPTS),
		.reservation = reservation_state_of(status, db_text(lock, row, R_PAYMENT_STATUS)),
		.status_cancelled = status && strcmp(status, "cancelled") == 0,
		.left_ms = db_text(lock, row, R_LEFT_MS) ? db_integer(lock, row, R_LEFT_MS)
							 : INT64_MAX,
		.seats_not_held = db_integer(look, row, SEATS_NOT_HELD),
	};
}

/* --- what is to be written --- */

/*
 * The id to charge under: the order id that was handed out for it. A reservation without an intent
 * has none; a gateway whose customer agreed to one order has it for the reservation's own id.
 */
static struct uuid attempt_for(const struct claim *claim, const struct db_result *lock, int row)
{
	struct uuid order = db_uuid(lock, row, I_ORDER);

	if (!claim->is_new && order.text[0] != '\0')
		return order;
	return claim->is_new && claim->gateway->needs_token ? claim->claimed_reservation
							    : uuid_new();
}

/* Fills what the charge will need; the method is the caller's, or the intent's own. */
static void fill_claim(struct claim *claim, const struct claim_facts *facts,
		       const struct db_result *lock, int row)
{
	const struct settings *settings = claim->call->settings;
	const char *method =
		claim->is_execute ? db_text(lock, row, I_METHOD) : claim->payment_method;

	claim->is_new = facts->intent_status == INTENT_NONE;
	claim->claimed_intent = claim->is_new ? uuid_new() : db_uuid(lock, row, I_ID);
	claim->claimed_reservation = db_uuid(lock, row, R_ID);
	claim->amount_krw = db_integer(lock, row, R_AMOUNT);
	snprintf(claim->method, sizeof(claim->method), "%s", method ? method : "");
	claim->gateway = gateway_for_method(settings, claim->method);
	claim->number = facts->attempts + 1;
	claim->deadline = db_text(lock, row, R_EXPIRES);
	claim->outlasts = facts->left_ms > claim->gateway->lease_ms(settings) + LEASE_SLACK_MS;
	claim->attempt = attempt_for(claim, lock, row);
}

static bool is_same_key(const struct claim *a, const struct claim *b)
{
	return a->key && b->key && a->is_execute == b->is_execute &&
	       strcmp(a->call->idempotency_key, b->call->idempotency_key) == 0 &&
	       strcmp(a->call->principal.user_id.text, b->call->principal.user_id.text) == 0;
}

/* Of two claims of one reservation, or with one key, the second runs alone, after the first. */
static bool repeats_a_claim(const struct claim *first, const struct claim *claim)
{
	for (; first != claim; first = claim_after(first))
		if (first->won && (strcmp(first->claimed_reservation.text,
					  claim->claimed_reservation.text) == 0 ||
				   is_same_key(first, claim)))
			return true;
	return false;
}

/* True: the stored key lets the request go on to the rules. A run that finds its own claim made
 * already is the first, not a rival. */
static bool key_lets_pass(struct claim *claim, const struct db_result *look, int row,
			  const struct uuid *mine)
{
	if (claim->key)
		claim->verdict =
			idempotency_judge(claim->key, look, row, KEY, mine, claim->outcome);
	return claim->verdict == IDEMPOTENCY_FIRST;
}

static void judge_claim(struct claim *first, struct claim *claim,
			const struct db_result *const results[2], int row)
{
	const struct db_result *lock = results[0], *look = results[1];
	struct claim_facts facts = read_claim_facts(claim, lock, look, row);
	struct uuid order = db_uuid(lock, row, I_ORDER), attempt = db_uuid(lock, row, I_ATTEMPT);
	/* an earlier run's COMMIT went through, only its answer was lost */
	bool is_mine = order.text[0] != '\0' && strcmp(order.text, claim->next_order.text) == 0;

	claim->verdict = IDEMPOTENCY_FIRST;
	claim->won = false;
	claim->status = claim_decide(&facts, claim->is_execute, claim->call->settings);
	if (claim->status == STATUS_USER_NOT_FOUND ||
	    !key_lets_pass(claim, look, row, is_mine ? &attempt : NULL))
		return;
	claim->member.runs_alone = claim_is_locked_elsewhere(claim, lock, look, row);
	if (claim->member.runs_alone)
		return;
	fill_claim(claim, &facts, lock, row);
	if (is_mine) {
		claim->attempt = attempt;
		claim->status = STATUS_OK;
		return;
	}
	claim->member.runs_alone = claim->status == STATUS_OK && repeats_a_claim(first, claim);
	claim->won = claim->status == STATUS_OK && !claim->member.runs_alone;
}

/* --- write --- */

/* In the order of claim_members. */
static void add_claim(struct pg_columns *columns, const struct claim *claim)
{
	const struct call *call = claim->call;
	struct decimal number = decimal(claim->number), amount = decimal(claim->amount_krw),
		       lease = decimal(claim->gateway->lease_ms(call->settings));

	pg_columns_add(columns, claim->claimed_intent.text, claim->claimed_reservation.text,
		       call->principal.user_id.text, claim->method, claim->attempt.text,
		       number.text, claim->gateway->name, lease.text, language_name(call->language),
		       call->request_id, claim->next_order.text, amount.text, claim->deadline,
		       claim->is_execute ? "execute" : "process",
		       claim->key ? call->idempotency_key : NULL,
		       claim->key ? claim->key->fingerprint.text : NULL,
		       claim->is_new ? "true" : "false");
}

static enum db_code write_claims(struct db_tx *tx, struct claim *first)
{
	struct pg_columns columns = { .count = 0 };
	struct decimal hours = decimal(first->call->settings->idempotency_hours);
	struct db_step step = { .sql = SQL_CLAIM_FIRST };
	enum db_code code = DB_BROKEN;

	for (struct claim *claim = first; claim; claim = claim_after(claim)) {
		if (!claim->won)
			continue;
		add_claim(&columns, claim);
		if (!claim->is_new || claim->key || !claim->outlasts)
			step.sql = SQL_CLAIM_WRITE;
	}
	if (columns.count == 0)
		return DB_OK;
	if (pg_columns_end(&columns, step.params)) {
		step.params[columns.count] = first->call->service->process_id;
		step.params[columns.count + 1] = hours.text;
		code = db_tx_commit(tx, &step, 1);
	}
	pg_columns_free(&columns);
	return code;
}

static enum db_code claim_body(struct db_tx *tx, void *context)
{
	const struct batch_run *run = context;
	struct claim *first = claim_of(run->first);
	const struct db_result *results[2];
	enum db_code code = lock_claims(tx, first, run->alone, results);
	int row = 0;

	if (code != DB_OK)
		return code;
	for (struct claim *claim = first; claim; claim = claim_after(claim))
		judge_claim(first, claim, results, row++);
	FAULT_POINT("claim_locked");
	if (run->alone && first->member.runs_alone)
		return DB_CONFLICT;
	return write_claims(tx, first);
}

enum db_code claim_batch(struct batch_member *first, bool alone, struct db_cost *cost)
{
	service_count_batch(first, alone);
	return batch_transaction(claim_of(first)->call->service->pool, &DB_POLICY_REQUEST,
				 claim_body, (struct batch_run){ first, alone }, cost);
}

enum db_code claim_take(struct claim *claim)
{
	struct call *call = claim->call;

	claim->next_order = uuid_new();
	claim->taken_ms = clock_mono_ms();
	claim->member.cost = &call->db;
	return batch_do(&call->service->claims, &claim->member, call->settings->db_wait_ms);
}
