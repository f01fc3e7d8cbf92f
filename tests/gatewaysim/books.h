/*
 * The gateway's books: what it charged and gave back, and which answer it gave under which
 * idempotency key. A line of JSON for each thing that happened, on the disk before anybody is told
 * of it; read again at the start.
 */
#ifndef GATEWAYSIM_BOOKS_H
#define GATEWAYSIM_BOOKS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define ID_MAX 301
#define STATUS_MAX 32
#define REASON_MAX 256

struct cancel {
	struct cancel *next;
	int64_t amount;
	char reason[REASON_MAX];
	char idempotency_key[ID_MAX];
};

struct payment {
	struct payment *next;
	char order_id[ID_MAX], payment_key[ID_MAX], status[STATUS_MAX];
	int64_t amount, balance;
	int confirms; /* how often a confirm of it was carried out: must never be two */
	struct cancel *cancels;
};

enum key_state {
	KEY_NEW,     /* it was not there; it is now under way in our hands, until books_key_done */
	KEY_RUNNING, /* its first request is under way */
	KEY_DONE     /* its answer has been copied */
};

/* Opens the file, and reads what is in it. Exits where it cannot be. */
void books_open(const char *path);

/* What follows is called with the books locked, except books_sync and books_key_*. */
void books_lock(void);
void books_unlock(void);
struct payment *books_by_order(const char *order_id);
struct payment *books_by_key(const char *payment_key);

/* Makes or changes a payment; a confirm that charges counts. Written, not yet on the disk. */
struct payment *books_set(const char *order_id, const char *payment_key, const char *status,
			  int64_t amount, bool is_charge);
/* Gives back. The caller has seen that the balance suffices. */
void books_cancel(struct payment *payment, int64_t amount, const char *reason,
		  const char *idempotency_key);

/* Waits until everything written so far is on the disk; one fsync may serve many. */
void books_sync(void);

/* Idempotency keys; "" is none and always new. */
enum key_state books_key_take(const char *key, int *http, char **body);
/* The first request is over: with an answer to keep, or (http 0) without. */
void books_key_done(const char *key, int http, const char *body);

/* All of it as JSON. */
void books_print(FILE *to);

#endif
