/*
 * The way of a payment: claim, charge, record. To be read top to bottom in
 * payment.c.
 */
#ifndef PAYMENTS_PAY_PAYMENT_H
#define PAYMENTS_PAY_PAYMENT_H

#include "pay/service.h"

/* POST process: pay a reservation that somebody else made. All fields are valid: the id is a UUID
 * in lower case, the method one of payment_method_offered. */
struct process_input {
	struct uuid reservation_id;
	const char *payment_method;
};
void payment_process(struct call *call, const struct process_input *input, struct outcome *outcome);

/* POST execute: execute a payment intent made by POST bookings. Exactly one of the two ids is set. */
struct execute_input {
	struct uuid intent_id;
	struct uuid booking_id;
	const char *token; /* paymentMethodToken */
	const char *cvv;   /* three or four digits */
};
void payment_execute(struct call *call, const struct execute_input *input, struct outcome *outcome);

/* GET intents/{id}. */
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
