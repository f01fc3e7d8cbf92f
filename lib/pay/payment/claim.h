/*
 * Claim: the right to charge a reservation once, recorded before the gateway is
 * asked. Afterwards nothing is locked and no connection is held.
 */
#ifndef PAYMENTS_PAY_PAYMENT_CLAIM_H
#define PAYMENTS_PAY_PAYMENT_CLAIM_H

#include "pay/gateway/gateway.h"
#include "pay/payment/idempotency.h"
#include "pay/service.h"

#define PAYMENT_METHOD_MAX 32

struct claim {
	/* in: what is to be paid: a reservation (process), or an intent or a booking (execute) */
	struct call *call;
	bool is_execute;
	const struct uuid *reservation_id; /* process */
	const struct uuid *intent_id;	   /* execute: this, or */
	const struct uuid *booking_id;	   /* this; "" where not given */
	const char *payment_method;	   /* process; execute takes the intent's */
	struct idempotency *key;	   /* NULL: no Idempotency-Key */
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
};

/*
 * OK: claim->verdict and claim->status say what came of it (a replayed answer is in *outcome).
 * Else the database could not carry it out; nothing was claimed, or, after DB_MAYBE, the
 * janitor will find the attempt.
 */
enum db_code claim_take(struct claim *claim, struct outcome *outcome);

#endif
