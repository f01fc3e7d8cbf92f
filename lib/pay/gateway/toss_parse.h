/*
 * What an answer of Toss Payments proves. Pure functions from an HTTP status and
 * a body to a word of gateway.h: no network, no clock.
 *
 * Only two things prove that nothing was charged: a decline code of a short list,
 * and the state ABORTED, EXPIRED or CANCELED of the very order. Everything that
 * is not on a list here is UNKNOWN.
 */
#ifndef PAYMENTS_PAY_GATEWAY_TOSS_PARSE_H
#define PAYMENTS_PAY_GATEWAY_TOSS_PARSE_H

#include "pay/gateway/gateway.h"

#include <stdbool.h>
#include <stddef.h>

#define TOSS_KEY_MAX 200 /* bytes of a paymentKey, as its makers document */

struct toss_reply {
	int http; /* 0: there was no whole answer */
	const char *body;
	size_t length;
	const char *fault; /* where http is 0: why, "GATEWAY_TIMEOUT" */
};

/* Whether a text can be a paymentKey: it goes into JSON and into addresses as it is. */
bool toss_key_valid(const char *key);

/* The answer to a confirm of that order and amount. */
void toss_parse_confirm(const struct toss_reply *reply, const struct uuid *order,
			int64_t amount_krw, struct gateway_answer *answer);

/* The answer to a look-up of that order. */
void toss_parse_reconcile(const struct toss_reply *reply, const struct uuid *order,
			  int64_t amount_krw, struct gateway_answer *answer);

/*
 * The look-up ahead of a cancel. True: it has to be sent, for the paymentKey that is then in `key`.
 * False: *answer is complete; the refund is done already, cannot be, or is not known of.
 */
bool toss_parse_before_cancel(const struct toss_reply *reply, const struct gateway_refund *refund,
			      char key[TOSS_KEY_MAX + 1], struct gateway_answer *answer);

/* The answer to the cancel. */
void toss_parse_cancel(const struct toss_reply *reply, const struct gateway_refund *refund,
		       struct gateway_answer *answer);

/* The books of an order. */
void toss_parse_books(const struct toss_reply *reply, const struct uuid *order,
		      struct gateway_books *books);

/* True where it is our key that was refused: no payment goes through until a person mends it. */
bool toss_is_key_fault(const struct toss_reply *reply);

#endif
