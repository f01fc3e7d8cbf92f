/*
 * Record: the gateway has spoken (or not), and its word becomes state: settle,
 * decline, no answer, late or foreign. One transaction, retried until the
 * database takes it: an answer that is lost here can only be looked up again.
 */
#ifndef PAYMENTS_PAY_PAYMENT_SETTLE_H
#define PAYMENTS_PAY_PAYMENT_SETTLE_H

#include "pay/gateway/gateway.h"
#include "pay/payment/claim.h"
#include "pay/payment/intent.h"
#include "pay/service.h"

struct record {
	/* in */
	struct uuid attempt;
	const struct gateway_answer *answer;
	const struct settings *settings;
	const struct db_policy *policy; /* how long to insist */
	int look_ups;			/* so far: how long until the next */
	bool not_found;			/* the look-up said NOT_FOUND: counted */
	const struct claim *claim; /* made by this very request, without an Idempotency-Key: its
				      ordinary end is tried in one trip. NULL: all is read first. */
	/* out: what was done, and what a client is told. PAYMENT_RESULT_UNKNOWN while it is not
	 * known. */
	enum record_action action;
	enum status status; /* OK, PAYMENT_DECLINED, RESERVATION_LOST, PAYMENT_RESULT_UNKNOWN */
	int http;
	struct buf body; /* the caller frees it */
};

/* OK: recorded, by this call or an earlier one. Else nothing is, and the janitor will look it
 * up. */
enum db_code record_answer(struct service *service, struct record *record, struct db_cost *cost);

#endif
