/*
 * A payment gateway: charge, reconcile and refund, each with a deadline and a closed set of
 * outcomes. One file per gateway; the rest of the service includes only this header.
 *
 * Rules for money: never call these while you hold a database connection or a row lock. Call charge
 * once for an attempt, ever. A result that proves nothing is UNKNOWN.
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
	GATEWAY_DECLINED, /* certainly no money moved: code and message say why */
	GATEWAY_UNKNOWN,  /* no answer, or one that proves nothing: reconcile */
	GATEWAY_NOT_FOUND /* reconcile only: the gateway does not know the key (yet) */
};

struct gateway_answer {
	enum gateway_outcome outcome;
	char code[FAILURE_CODE_MAX];	   /* why declined or unknown; "" otherwise */
	char message[FAILURE_MESSAGE_MAX]; /* for the customer: valid UTF-8, may be empty */
};

/* `token` and `cvv` are NULL if the method has none. They stay in memory for the call only: never
 * store or log them. */
struct gateway_charge {
	struct uuid key; /* the attempt's id: idempotency key and order id at the gateway */
	int64_t amount_krw;
	const char *method;
	const char *token;
	const char *cvv;
};

/* The question of reconcile: all that is known of a charge after a crash. */
struct gateway_query {
	struct uuid key;
	int64_t amount_krw; /* an answer with another amount is UNKNOWN */
	int64_t age_ms;	    /* since it was sent */
};

struct gateway_refund {
	struct uuid key;     /* the refund's id: idempotency key at the gateway */
	struct uuid attempt; /* the attempt whose charge is refunded */
	int64_t amount_krw;
	const char *reason;
};

/* A charge in the gateway's own books, for an audit. */
struct gateway_books {
	enum { BOOKS_FOUND, BOOKS_NOT_FOUND, BOOKS_UNREADABLE } state;
	int64_t charged_krw; /* 0: known there, not charged */
	int64_t refunded_krw;
	char code[FAILURE_CODE_MAX]; /* why the books could not be read */
};

struct gateway {
	const char *name;
	void (*charge)(const struct settings *, const struct gateway_charge *,
		       struct gateway_answer *);
	/* What became of the charge. */
	void (*reconcile)(const struct settings *, const struct gateway_query *,
			  struct gateway_answer *);
	/* APPROVED: refunded, now or earlier with this key. DECLINED: a retry cannot help. */
	void (*refund)(const struct settings *, const struct gateway_refund *,
		       struct gateway_answer *);
	/* NULL: the gateway has no books. */
	void (*read_books)(const struct settings *, const struct uuid *key, struct gateway_books *);
	/* How long a claim lasts: the deadline of a charge plus slack. */
	int32_t (*lease_ms)(const struct settings *);
	/* How long after the charge a NOT_FOUND proves nothing. */
	int32_t (*horizon_ms)(const struct settings *);
	int not_founds_needed; /* after the horizon, until NOT_FOUND means "not charged" */
	/* A charge needs a token, and the customer has agreed to one order id: the one handed out
	 * before, or for a first `process` the reservation's id. */
	bool needs_token;
};

/* The gateway of a method under these settings, and by the name in an attempt (NULL: not in this
 * build). */
const struct gateway *gateway_for_method(const struct settings *settings, const char *method);
const struct gateway *gateway_by_name(const char *name);

/* For the files of gateways: sets outcome and code, and clears the message. */
void gateway_answer_set(struct gateway_answer *answer, enum gateway_outcome outcome,
			const char *code);

extern const struct gateway gateway_mock, gateway_toss;

#endif
