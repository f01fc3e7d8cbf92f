/* A payment: claim, charge, settle. payment.c reads from top to bottom. */
#ifndef PAYMENTS_PAY_PAYMENT_PAYMENT_H
#define PAYMENTS_PAY_PAYMENT_PAYMENT_H

#include "pay/service.h"

/* POST process: pay a reservation that another service made. All fields are valid: the id is a
 * UUID in lower case, the method one of payment_methods. */
struct process_input {
	struct uuid reservation_id;
	const char *payment_method;
	const char *token; /* paymentKey; NULL: none came */
};
/* Whether a method's gateway cannot charge without a token. */
bool payment_needs_token(const struct settings *settings, const char *payment_method);
/*
 * Blocks while the gateway is asked (until its deadline at most), with no lock and no connection
 * held. 200 with the payment; what claim_decide refuses with; IDEMPOTENCY_*. After the gateway was
 * asked: PAYMENT_DECLINED, RESERVATION_LOST, PAYMENT_RESULT_UNKNOWN. SERVICE_UNAVAILABLE and
 * INTERNAL_ERROR: the claim could not be recorded, and nothing was charged.
 */
void payment_process(struct call *call, const struct process_input *input, struct outcome *outcome);

/* POST execute: execute a payment intent made by POST bookings. Exactly one of the two ids is
 * set. */
struct execute_input {
	struct uuid intent_id;
	struct uuid booking_id;
	const char *token; /* paymentMethodToken */
	const char *cvv;   /* three or four digits */
};
/* As payment_process, but a decline is a 200 too and ends the booking. The caller wipes token and
 * cvv. */
void payment_execute(struct call *call, const struct execute_input *input, struct outcome *outcome);

/* GET intents/{id}. 200 with its state and attempts; INTENT_NOT_FOUND for another user's,
 * unless the asker is an admin. Reads only. */
void payment_show_intent(struct call *call, const struct uuid *intent_id, struct outcome *outcome);

/* The methods of GET methods, in the order shown. */
struct payment_method {
	const char *id;		 /* "kakao_pay", as stored */
	const char *name;	 /* "카카오페이", as shown */
	const char *description; /* Korean */
	const char *icon;	 /* a path of the site */
};
#define PAYMENT_METHODS 3
extern const struct payment_method payment_methods[PAYMENT_METHODS];
/* NULL where `id` is none of them. Compared to the letter. */
const struct payment_method *payment_method_find(const char *id);

#endif
