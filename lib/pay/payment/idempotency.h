/*
 * Idempotency-Key: scoped to user and operation. The key's row is inserted in
 * the transaction that records the first thing, and the final answer is stored
 * in the transaction that makes it final; a refusal before that leaves nothing.
 */
#ifndef PAYMENTS_PAY_PAYMENT_IDEMPOTENCY_H
#define PAYMENTS_PAY_PAYMENT_IDEMPOTENCY_H

#include "pay/service.h"

/* A request's key in use; made on the stack of the call. */
struct idempotency {
	const struct call *call;
	const char *operation;		/* "process", "execute", "bookings", "refund" */
	struct fingerprint fingerprint; /* of the request's meaning, under the current secret */
	struct fingerprint
		fingerprint_previous; /* under the secret being rotated out; "" where none */
	char hours[12];
};

enum idempotency_verdict {
	IDEMPOTENCY_FIRST,	 /* carry the request out */
	IDEMPOTENCY_REPLAY,	 /* the stored answer has been copied into the outcome */
	IDEMPOTENCY_MISMATCH,	 /* the key belongs to another request */
	IDEMPOTENCY_IN_PROGRESS, /* the first is at the gateway */
	IDEMPOTENCY_UNKNOWN	 /* the first ended without an answer; its attempt is still open */
};

/* `meaning` is the request's fields in a fixed order; it holds no cvv and no token, for a stored
 * hash of three digits would be no secret. */
void idempotency_init(struct idempotency *key, const struct call *call, const char *operation,
		      const char *meaning);

/* The two statements around the lock of a transaction's first trip: begin inserts the key if it is
 * new, get reads it, by a snapshot taken after the locks. */
void idempotency_steps(struct idempotency *key, struct db_step *begin, struct db_step *get);

/* What their results say. REPLAY fills outcome; other verdicts that point at an intent fill
 * outcome->intent_id. `attempt` is the id this call would charge under: finding it means that an
 * earlier run of this same call was committed, which is FIRST. */
enum idempotency_verdict idempotency_judge(const struct idempotency *key,
					   const struct db_step *begin, const struct db_step *get,
					   const struct uuid *attempt, struct outcome *outcome);

#endif
