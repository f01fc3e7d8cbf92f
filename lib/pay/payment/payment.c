/*
 * A payment, top to bottom: claim it, charge it, settle it. Between claim and settlement nothing is
 * locked and no connection is held: a payment that waits for the gateway uses only its thread.
 */
#include "pay/payment/payment.h"

#include "base/clock.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "pay/payment/answer.h"
#include "pay/payment/claim.h"
#include "pay/payment/settle.h"

#include <stdio.h>
#include <string.h>

static void answer_in_doubt(const struct call *call, struct outcome *outcome)
{
	buf_reset(&outcome->body);
	outcome->status = STATUS_PAYMENT_RESULT_UNKNOWN;
	outcome->http = payment_answer_unknown(&outcome->body, call->language, call->request_id,
					       outcome->intent_id.text);
}

static void answer_exhausted(const struct claim *claim, struct outcome *outcome)
{
	struct payment_facts facts = {
		.language = claim->call->language,
		.request_id = claim->call->request_id,
		.intent_id = claim->claimed_intent.text,
	};

	buf_reset(&outcome->body);
	outcome->status = STATUS_PAYMENT_DECLINED;
	outcome->http = payment_answer_declined(&outcome->body, &facts, "ATTEMPTS_EXHAUSTED", "");
}

/* A claim that was not taken: a stored answer is in the outcome already, all else is an error. */
static void answer_refused(const struct claim *claim, struct outcome *outcome)
{
	switch (claim->verdict) {
	case IDEMPOTENCY_REPLAY:
		return;
	case IDEMPOTENCY_MISMATCH:
		outcome_error(outcome, claim->call, STATUS_IDEMPOTENCY_MISMATCH);
		return;
	case IDEMPOTENCY_IN_PROGRESS:
		outcome_error(outcome, claim->call, STATUS_IDEMPOTENCY_IN_PROGRESS);
		return;
	case IDEMPOTENCY_UNKNOWN:
		answer_in_doubt(claim->call, outcome);
		return;
	case IDEMPOTENCY_FIRST:
		break;
	}
	if (claim->status == STATUS_PAYMENT_DECLINED)
		answer_exhausted(claim, outcome);
	else
		outcome_error(outcome, claim->call, claim->status);
}

/*
 * A process that was stopped between claim and charge may wake after its lease, when the hold is
 * another buyer's. It has not asked for the money yet: the attempt is certainly not charged.
 */
static bool lease_is_over(const struct claim *claim)
{
	return clock_mono_ms() - claim->taken_ms > claim->gateway->lease_ms(claim->call->settings);
}

static void charge(const struct claim *claim, const char *token, const char *cvv,
		   struct gateway_answer *answer)
{
	struct gateway_charge charge = {
		.key = claim->attempt,
		.amount_krw = claim->amount_krw,
		.method = claim->method,
		.token = token,
		.cvv = cvv,
	};
	int64_t from_us = clock_mono_us();

	FAULT_POINT("charge_unsent");
	if (lease_is_over(claim)) {
		*answer = (struct gateway_answer){ .outcome = GATEWAY_DECLINED,
						   .code = "NOT_CHARGED" };
		return;
	}
	claim->gateway->charge(claim->call->settings, &charge, answer);
	FAULT_POINT("charge_answered");
	claim->call->gateway_us += clock_mono_us() - from_us;
}

static void settle(const struct claim *claim, const struct gateway_answer *answer,
		   struct outcome *outcome)
{
	struct call *call = claim->call;
	struct settlement settlement = { .service = call->service,
					 .settings = call->settings,
					 .attempt = claim->attempt,
					 .intent = claim->claimed_intent,
					 .reservation = claim->claimed_reservation,
					 .answer = answer,
					 .policy = &DB_POLICY_RECORD };

	if (settle_answer(&settlement, &call->db) != DB_OK) {
		buf_free(&settlement.body);
		answer_in_doubt(call, outcome);
		return;
	}
	buf_free(&outcome->body);
	outcome->status = settlement.status;
	outcome->http = settlement.http;
	outcome->body = settlement.body;
}

static void pay(struct claim *claim, const char *token, const char *cvv, struct outcome *outcome)
{
	struct gateway_answer answer;
	enum db_code code;

	claim->outcome = outcome;
	code = claim_take(claim);
	if (code != DB_OK) {
		outcome_error(outcome, claim->call, service_status_of(code));
		return;
	}
	if (claim->verdict != IDEMPOTENCY_FIRST || claim->status != STATUS_OK) {
		answer_refused(claim, outcome);
		return;
	}
	outcome->intent_id = claim->claimed_intent;
	charge(claim, token, cvv, &answer);
	settle(claim, &answer, outcome);
}

bool payment_needs_token(const struct settings *settings, const char *payment_method)
{
	return gateway_for_method(settings, payment_method)->needs_token;
}

/* The request's meaning, for its Idempotency-Key, is its ids and its method. */
static void take_key(struct claim *claim, struct idempotency *key, const char *second)
{
	const char *operation = claim->is_execute ? "execute" : "process";
	const char *first = claim->is_execute ? claim->intent_id.text : claim->reservation_id.text;
	char meaning[128];

	if (!claim->call->idempotency_key)
		return;
	snprintf(meaning, sizeof(meaning), "%s\n%s\n%s", operation, first, second);
	idempotency_init(key, claim->call, operation, meaning);
	claim->key = key;
}

void payment_process(struct call *call, const struct process_input *input, struct outcome *outcome)
{
	struct claim claim = {
		.call = call,
		.reservation_id = input->reservation_id,
		.payment_method = input->payment_method,
	};
	struct idempotency key;

	take_key(&claim, &key, input->payment_method);
	pay(&claim, input->token, NULL, outcome);
}

void payment_execute(struct call *call, const struct execute_input *input, struct outcome *outcome)
{
	struct claim claim = {
		.call = call,
		.is_execute = true,
		.intent_id = input->intent_id,
		.reservation_id = input->booking_id,
	};
	struct idempotency key;

	take_key(&claim, &key, input->booking_id.text);
	pay(&claim, input->token, input->cvv, outcome);
}
