/*
 * What an answer of Toss Payments proves: pure functions from HTTP status and body to an outcome.
 *
 * Only two things prove that nothing was charged: a decline code of a short list, or the state
 * ABORTED, EXPIRED or CANCELED of the order. Everything else is UNKNOWN.
 */
#ifndef PAYMENTS_PAY_GATEWAY_TOSS_PARSE_H
#define PAYMENTS_PAY_GATEWAY_TOSS_PARSE_H

#include "pay/gateway/gateway.h"

#include <stdbool.h>
#include <stddef.h>

#define TOSS_KEY_MAX 200 /* bytes of a paymentKey, as documented */

struct toss_reply {
	int http; /* 0: no complete answer */
	const char *body;
	size_t length;
	const char *fault; /* if http is 0: why, "GATEWAY_TIMEOUT" */
};

/* A paymentKey goes into JSON and into addresses without escaping. */
bool toss_key_valid(const char *key);

void toss_parse_confirm(const struct toss_reply *reply, const struct uuid *order,
			int64_t amount_krw, struct gateway_answer *answer);

void toss_parse_reconcile(const struct toss_reply *reply, const struct uuid *order,
			  int64_t amount_krw, struct gateway_answer *answer);

/* The state of the order before a cancel. True: send the cancel, for the paymentKey in `key`.
 * False: *answer is complete; the refund is done already, impossible, or not known. */
bool toss_parse_before_cancel(const struct toss_reply *reply, const struct gateway_refund *refund,
			      char key[TOSS_KEY_MAX + 1], struct gateway_answer *answer);

void toss_parse_cancel(const struct toss_reply *reply, const struct gateway_refund *refund,
		       struct gateway_answer *answer);

void toss_parse_books(const struct toss_reply *reply, const struct uuid *order,
		      struct gateway_books *books);

/* True: our own key was refused. All payments fail until an operator changes it. */
bool toss_is_key_fault(const struct toss_reply *reply);

#endif
