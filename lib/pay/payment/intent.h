/*
 * The states of a payment intent and of an attempt, what may follow what, and
 * the two decisions of a payment: may it be claimed, and what does the gateway's
 * word mean. Pure functions over plain structs: no database, no clock.
 */
#ifndef PAYMENTS_PAY_PAYMENT_INTENT_H
#define PAYMENTS_PAY_PAYMENT_INTENT_H

#include "base/status.h"
#include "base/uuid.h"
#include "pay/gateway/gateway.h"

#include <stdbool.h>
#include <stdint.h>

enum intent_status {
	INTENT_REQUIRES_PAYMENT,
	INTENT_PROCESSING, /* an attempt is at the gateway */
	INTENT_UNKNOWN,	   /* the gateway has not said; shown as processing */
	INTENT_SUCCEEDED,
	INTENT_FAILED,
	INTENT_CANCELLED,
	INTENT_EXPIRED,
	INTENT_REFUND_PENDING,
	INTENT_REFUNDED,
	INTENT_NEEDS_REVIEW,
	INTENT_STATUS_COUNT,
	INTENT_NONE = INTENT_STATUS_COUNT /* there is no intent yet */
};

/* The word of the database and of the wire; asserts that it is a state, not INTENT_NONE. */
const char *intent_status_name(enum intent_status status);
/* INTENT_NONE for NULL; asserts that the database holds no other word. */
enum intent_status intent_status_parse(const char *name);
/* The transition table; the database's domains know the same states. docs/architecture.md shows
 * it. */
bool intent_may_become(enum intent_status from, enum intent_status to);

/* The shared reservations row, in the words of its two status columns. */
enum reservation_state {
	RESERVATION_NONE,
	RESERVATION_PENDING, /* pending/pending: payable */
	RESERVATION_PAID,    /* confirmed, or completed */
	RESERVATION_LAPSED,  /* its time was over: expired, or cancelled/failed where CHECK knows no
				expired */
	RESERVATION_CANCELLED, /* a person cancelled it */
	RESERVATION_OTHER      /* a pair of words no rule knows: nothing may be charged on it */
};
/* Of the two columns; a NULL status is RESERVATION_NONE. */
enum reservation_state reservation_state_of(const char *status, const char *payment_status);

/* What claim_lock_reservation and claim_lock_intent read under their locks. */
struct claim_row {
	bool user_exists;
	bool intent_found, intent_owned;
	struct uuid intent_id;
	enum intent_status intent_status;
	struct uuid attempt_id; /* the intent's latest */
	struct uuid order_id;	/* the id of its next */
	int attempts;
	struct uuid reservation_id;
	int64_t amount_krw;
	enum reservation_state reservation;
	bool status_cancelled; /* reservations.status itself, whatever made it so */
	bool past_deadline;
	bool near_deadline; /* less than the margin left */
	int64_t seats_not_held;
};

/*
 * May this reservation be charged now? OK, or why not, by the order of the
 * contract (docs/api.md): USER_NOT_FOUND, RESERVATION_NOT_FOUND or INTENT_NOT_FOUND
 * and FORBIDDEN, ALREADY_PAID or ALREADY_PROCESSED, PAYMENT_IN_PROGRESS,
 * RESERVATION_CANCELLED, RESERVATION_EXPIRED; PAYMENT_DECLINED where
 * `attempts_max` attempts were declined.
 */
enum status claim_decide_process(const struct claim_row *row, int attempts_max);
enum status claim_decide_execute(const struct claim_row *row, int attempts_max);

/* True where `next`, the order id that only this caller's claim leaves behind, is on the row
 * already: an earlier run's COMMIT did go through. (The attempt's id would prove nothing: rivals
 * charge under the same.) To be asked before claim_decide_*. */
bool claim_is_mine(const struct claim_row *row, const struct uuid *next);

/* What record_lock reads under its locks, as far as the decision needs it. */
struct record_facts {
	bool is_execute;  /* a decline ends the booking */
	bool is_latest;	  /* the intent's attempt_id is this attempt */
	bool is_approved; /* this attempt was recorded as approved before */
	enum intent_status intent_status;
	enum reservation_state reservation;
	bool event_cancelled;
	int64_t ticket_items; /* items without a seat */
	int64_t seats, seats_locked, seats_available;
};

enum record_action {
	RECORD_NOTHING, /* recorded before: answer what stands */
	RECORD_SETTLE,	/* confirm the reservation, its seats are held */
	RECORD_RETAKE,	/* confirm it: the hold was lost, but every seat is still free */
	RECORD_REFUND_HOLD_LOST,
	RECORD_REFUND_CANCELLED,
	RECORD_REFUND_DUPLICATE,
	RECORD_DECLINE, /* the reservation stays payable */
	RECORD_CANCEL,	/* the booking ends with it */
	RECORD_UNKNOWN	/* look it up later */
};
/*
 * What the gateway's word means for what stands now. An approval is never dropped: it settles,
 * retakes or refunds. A decline or a doubt counts only for the attempt that is open. NOT_FOUND is a
 * doubt here; when it proves anything is reconcile.c's rule.
 */
enum record_action record_decide(const struct record_facts *facts, enum gateway_outcome outcome);

/* "hold_lost", "cancelled", "duplicate": refunds.reason of a RECORD_REFUND_* action, else NULL. */
const char *record_refund_reason(enum record_action action);

/* Seconds until the next look-up after `look_ups` of them: 2, 5, 10, 20, 40, 60, then every 300. */
int reconcile_pause_s(int look_ups);

#endif
