/*
 * Settle: apply the gateway's result, or its absence, to the database. One transaction, retried
 * until the database takes it: a result that is lost here can only be asked for again.
 */
#ifndef PAYMENTS_PAY_PAYMENT_SETTLE_H
#define PAYMENTS_PAY_PAYMENT_SETTLE_H

#include "pay/gateway/gateway.h"
#include "pay/lock.h"
#include "pay/payment/answer.h"
#include "pay/payment/intent.h"
#include "pay/service.h"

/* What lock and look have read, as far as the decision needs it. */
struct settle_facts {
	bool is_execute;  /* a decline ends the booking */
	bool is_latest;	  /* the intent's attempt_id is this attempt */
	bool is_approved; /* this attempt was settled as approved before */
	enum intent_status intent_status;
	enum reservation_state reservation;
	bool event_cancelled;
	int64_t ticket_items; /* items without a seat */
	int64_t seats, seats_locked, seats_available;
};

enum settle_action {
	SETTLE_NOTHING, /* settled before: answer what stands */
	SETTLE_CONFIRM, /* the hold stands */
	SETTLE_RETAKE,	/* confirm it: the hold was lost, but every seat is still free */
	SETTLE_REFUND_HOLD_LOST,
	SETTLE_REFUND_CANCELLED,
	SETTLE_REFUND_DUPLICATE,
	SETTLE_DECLINE, /* the reservation stays payable */
	SETTLE_CANCEL,	/* the booking ends with it */
	SETTLE_UNKNOWN, /* ask the gateway later */
	SETTLE_ACTIONS
};

/*
 * What the gateway's answer means for what stands now. The only place of the rule. An approval is
 * never dropped: it confirms, retakes or refunds. A decline or a doubt counts only for the attempt
 * that is open. NOT_FOUND is a doubt here; when it proves anything is janitor/reconcile.c's rule.
 */
enum settle_action settle_decide(const struct settle_facts *facts, enum gateway_outcome outcome);

struct settlement {
	struct batch_member member;
	/* in */
	struct service *service;
	const struct settings *settings;
	struct uuid attempt, intent, reservation;
	const struct gateway_answer *answer;
	const struct db_policy *policy; /* how long to insist */
	int look_ups;			/* so far: how long until the next */
	bool not_found;			/* the gateway said NOT_FOUND: counted */
	/* out: what was done, and what a client is told. PAYMENT_RESULT_UNKNOWN while it is not
	 * known. */
	enum settle_action action;
	enum status status; /* OK, PAYMENT_DECLINED, RESERVATION_LOST, PAYMENT_RESULT_UNKNOWN */
	int http;
	struct buf body; /* the caller frees it */
	/* private: the rows, as long as the transaction's run lasts */
	struct locked locked;
	struct settle_facts facts;
	struct payment_facts told;
	const char *operation, *gateway, *key;
	struct uuid refund;
};

/* OK: settled, by this call or an earlier one. Else nothing is, and the janitor will ask the
 * gateway. `cost` takes what it cost. */
enum db_code settle_answer(struct settlement *settlement, struct db_cost *cost);

/* The work of service->settlements. */
enum db_code settle_batch(struct batch_member *first, bool alone, struct db_cost *cost);

#endif
