/*
 * The bodies of POST process and POST execute. They are made at the settlement, not at the HTTP
 * edge: the answer that an Idempotency-Key keeps is stored in the transaction that makes it final.
 */
#ifndef PAYMENTS_PAY_PAYMENT_ANSWER_H
#define PAYMENTS_PAY_PAYMENT_ANSWER_H

#include "base/buf.h"
#include "base/status.h"
#include "pay/lock.h"

#include <stdbool.h>

/* What the answers are made of; pointers live as long as the row they were read from. */
struct payment_facts {
	bool is_execute;
	enum language language;
	const char *request_id;
	const char *intent_id;
	const char *reservation_id;
	const char *reservation_number;
	const char *payment_method; /* as stored */
	int64_t amount_krw;
	const char *event_title; /* NULL: the event is gone */
	const char *event_venue;
	const char *event_date;
	const struct locked *locked; /* the seats */
	const char *at;		     /* time of the settlement, ISO 8601 UTC */
};

/* Each appends a complete body and returns the HTTP status that goes with it. */
int payment_answer_paid(struct buf *body, const struct payment_facts *facts);
int payment_answer_declined(struct buf *body, const struct payment_facts *facts, const char *code,
			    const char *message);
int payment_answer_lost(struct buf *body, const struct payment_facts *facts);
int payment_answer_unknown(struct buf *body, enum language language, const char *request_id,
			   const char *intent_id);

/* What a customer is told of a decline's code; "" where the code is not one we know words for. */
const char *decline_message(const char *code, enum language language);

#endif
