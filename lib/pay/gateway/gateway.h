/*
 * A payment gateway: three questions, each with a deadline, each answered in a
 * closed set. One file per gateway; the rest of the service knows only this.
 *
 * Money rules: none of these is ever called while a database connection or a
 * row lock is held; charge is called once for an attempt, ever; whatever is not
 * a definitive word of the gateway is UNKNOWN.
 */
#ifndef PAYMENTS_PAY_GATEWAY_GATEWAY_H
#define PAYMENTS_PAY_GATEWAY_GATEWAY_H

#include "base/uuid.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stdint.h>

#define FAILURE_CODE_MAX 64
#define FAILURE_MESSAGE_MAX 200

enum gateway_outcome {
	GATEWAY_APPROVED, /* the money moved */
	GATEWAY_DECLINED, /* definitively not: code and message say why */
	GATEWAY_UNKNOWN,  /* no answer, or one that proves nothing: look it up */
	GATEWAY_NOT_FOUND /* reconcile only: the gateway knows no such key (yet) */
};

struct gateway_answer {
	enum gateway_outcome outcome;
	char code[FAILURE_CODE_MAX];	   /* of a decline, or why it is unknown; "" otherwise */
	char message[FAILURE_MESSAGE_MAX]; /* for the customer, may be empty; valid UTF-8 */
};

/* What is asked to be charged. `token` and `cvv` are NULL where the method has none; they live in
 * memory only, for as long as the call, and reach neither a table nor a log. */
struct gateway_charge {
	struct uuid key; /* the attempt's id: the gateway's idempotency key and order id */
	int64_t amount_krw;
	const char *method;
	const char *token;
	const char *cvv;
};

/* A charge asked after later: all that is known of it after a crash. */
struct gateway_query {
	struct uuid key;
	int64_t amount_krw; /* an answer about another amount is no answer */
	int64_t age_ms;	    /* since it was sent */
};

struct gateway_refund {
	struct uuid key;     /* the refund's id: the gateway's idempotency key */
	struct uuid attempt; /* whose charge is given back */
	int64_t amount_krw;
	const char *reason;
};

/* What the gateway's own books say of a charge, for an audit. */
struct gateway_books {
	enum { BOOKS_FOUND, BOOKS_NOT_FOUND, BOOKS_UNREADABLE } state;
	int64_t charged_krw; /* 0: known there, and not charged */
	int64_t refunded_krw;
	char code[FAILURE_CODE_MAX]; /* why they could not be read */
};

struct gateway {
	const char *name;
	void (*charge)(const struct settings *, const struct gateway_charge *,
		       struct gateway_answer *);
	/* What became of the charge with that key. */
	void (*reconcile)(const struct settings *, const struct gateway_query *,
			  struct gateway_answer *);
	/* APPROVED: given back (now or earlier with this key). DECLINED: refused for good. */
	void (*refund)(const struct settings *, const struct gateway_refund *,
		       struct gateway_answer *);
	/* NULL: it keeps none. */
	void (*read_books)(const struct settings *, const struct uuid *key, struct gateway_books *);
	/* How long a charge may take before its claim runs out: the deadline plus slack, in ms. */
	int32_t (*lease_ms)(const struct settings *);
	/* How long after the charge was sent a NOT_FOUND still proves nothing, in ms. */
	int32_t (*horizon_ms)(const struct settings *);
	int not_founds_needed; /* past the horizon, before NOT_FOUND counts as "not charged" */
	/* It cannot charge without a token, and the customer has agreed to one order id: the one
	 * handed out before, or for a first `process` the reservation's id. */
	bool needs_token;
};

/* The gateway that charges `method` under these settings; and one by the name an attempt
 * recorded. NULL where there is none of that name in this build. */
const struct gateway *gateway_for_method(const struct settings *settings, const char *method);
const struct gateway *gateway_by_name(const char *name);

/* For the files of gateways: sets outcome and code, and clears the message. */
void gateway_answer_set(struct gateway_answer *answer, enum gateway_outcome outcome,
			const char *code);

extern const struct gateway gateway_mock, gateway_toss;

#endif
