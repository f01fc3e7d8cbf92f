/*
 * Claim: the right to charge a reservation once, recorded before the gateway is
 * asked. Afterwards nothing is locked and no connection is held.
 */
#ifndef PAYMENTS_PAY_PAYMENT_CLAIM_H
#define PAYMENTS_PAY_PAYMENT_CLAIM_H

#include "pay/gateway/gateway.h"
#include "pay/payment/idempotency.h"
#include "pay/payment/intent.h"
#include "pay/service.h"

#define PAYMENT_METHOD_MAX 32

/* What lock and look have read. */
struct claim_facts {
	bool user_exists;
	bool intent_found, intent_owned;
	enum intent_status intent_status; /* process: INTENT_NONE where it has none that is live */
	int attempts;
	enum reservation_state reservation;
	bool status_cancelled; /* reservations.status itself, whatever made it so */
	int64_t left_ms;       /* of the hold; INT64_MAX: it has no deadline */
	int64_t seats_not_held;
};

/*
 * May this reservation be charged now? The only place of the rule. OK, or why not, by the order of
 * the contract (docs/api.md): USER_NOT_FOUND, RESERVATION_NOT_FOUND or INTENT_NOT_FOUND and
 * FORBIDDEN, ALREADY_PAID or ALREADY_PROCESSED, PAYMENT_IN_PROGRESS, RESERVATION_CANCELLED,
 * RESERVATION_EXPIRED (also where less than hold_margin_ms is left); PAYMENT_DECLINED after
 * attempts_max attempts.
 */
enum status claim_decide(const struct claim_facts *facts, bool is_execute,
			 const struct settings *settings);

struct claim {
	struct batch_member member;
	/* in: what is to be paid: a reservation (process), or an intent or a booking (execute) */
	struct call *call;
	bool is_execute;
	struct uuid intent_id;	    /* execute: this, or the next; "" where not given */
	struct uuid reservation_id; /* process; execute: the booking */
	const char *payment_method; /* process; execute takes the intent's */
	struct idempotency *key;    /* NULL: no Idempotency-Key */
	struct outcome *outcome;    /* for a replayed answer */
	/* out, of claim_take */
	enum idempotency_verdict verdict;
	enum status status; /* OK: charge it under `attempt`; else why not */
	struct uuid attempt;
	int64_t taken_ms; /* clock_mono_ms before it was taken: the lease is over no later than that
			     + lease */
	struct uuid next_order; /* handed out for the attempt after this one */
	struct uuid claimed_intent;
	struct uuid claimed_reservation;
	int64_t amount_krw;
	char method[PAYMENT_METHOD_MAX];
	const struct gateway *gateway;
	/* private: what is to be written */
	bool won;
	bool is_new;   /* the intent */
	bool outlasts; /* the hold outlasts the lease */
	int number;    /* of the attempt */
	const char *deadline;
};

/*
 * OK: claim->verdict and claim->status say what came of it (a replayed answer is in *outcome).
 * Else the database could not carry it out; nothing was claimed, or, after DB_MAYBE, the
 * janitor will find the attempt.
 */
enum db_code claim_take(struct claim *claim);

/* The work of service->claims. */
enum db_code claim_batch(struct batch_member *first, bool alone, struct db_cost *cost);

#endif
