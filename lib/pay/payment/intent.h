/*
 * The states of a payment intent and what may follow what; the state of a
 * reservation. Pure functions: no database, no clock.
 */
#ifndef PAYMENTS_PAY_PAYMENT_INTENT_H
#define PAYMENTS_PAY_PAYMENT_INTENT_H

#include <stdbool.h>

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
/* An attempt is open. */
bool intent_is_under_way(enum intent_status status);
/* It holds its reservation: at most one intent of a reservation does (index intents_one_live). */
bool intent_is_live(enum intent_status status);

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

/* Seconds until the gateway is asked again after `look_ups` times: 2, 5, 10, 20, 40, 60, then
 * every 300. */
int reconcile_pause_s(int look_ups);

#endif
