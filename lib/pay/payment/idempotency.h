/*
 * Idempotency-Key: scoped to user and operation. The key's row is written in
 * the transaction that records the first thing, and the final answer is stored
 * in the transaction that makes it final; a refusal before that leaves nothing.
 */
#ifndef PAYMENTS_PAY_PAYMENT_IDEMPOTENCY_H
#define PAYMENTS_PAY_PAYMENT_IDEMPOTENCY_H

#include "pay/service.h"

#define KEY_COLUMNS 7 /* of the fragment key_columns */

/* A request's key in use; made on the stack of the call. */
struct idempotency {
	const struct call *call;
	const char *operation;		/* "process", "execute", "bookings", "refund" */
	struct fingerprint fingerprint; /* of the request's meaning; once judged, as it is stored */
	struct fingerprint previous;	/* under the secret being rotated out; "" where none */
	char hours[12];			/* it is kept */
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

/* Reads the key as it stands: key_columns from column 0 on. */
struct db_step idempotency_get(const struct idempotency *key);

/*
 * What the key_columns from `column` on say. REPLAY fills the outcome; other verdicts that point at
 * an intent fill outcome->intent_id. `mine` is an attempt of this very call (NULL: none): finding
 * it means that an earlier run was committed, which is FIRST.
 */
enum idempotency_verdict idempotency_judge(struct idempotency *key, const struct db_result *result,
					   int row, int column, const struct uuid *mine,
					   struct outcome *outcome);

/* For requests that have no attempt. True: carry it out. False: the outcome is complete. */
bool idempotency_allows(struct idempotency *key, const struct db_result *result, int row,
			int column, struct outcome *outcome);

#endif
