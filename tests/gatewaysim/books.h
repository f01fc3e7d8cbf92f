/*
 * The gateway's books: charges, refunds, and the answer for each idempotency key. One JSON line for
 * each event, on disk before the client is told; read again at the start.
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
	int confirms; /* executed confirms: must never be two */
	struct cancel *cancels;
};

enum key_state {
	KEY_NEW,     /* new: the caller executes it and calls books_key_done */
	KEY_RUNNING, /* its first request is running */
	KEY_DONE     /* the answer is copied */
};

/* Opens and reads the file. Exits if it cannot. */
void books_open(const char *path);

/* The functions below need the books locked, except books_sync and books_key_*. */
void books_lock(void);
void books_unlock(void);
struct payment *books_by_order(const char *order_id);
struct payment *books_by_key(const char *payment_key);

/* Creates or changes a payment; counts a confirm that charges. Not yet on disk. */
struct payment *books_set(const char *order_id, const char *payment_key, const char *status,
			  int64_t amount, bool is_charge);
/* The caller has checked the balance. */
void books_cancel(struct payment *payment, int64_t amount, const char *reason,
		  const char *idempotency_key);

/* Waits until everything written is on disk; one fsync serves many threads. */
void books_sync(void);

/* Idempotency keys; "": no key, always new. */
enum key_state books_key_take(const char *key, int *http, char **body);
/* The first request has ended; http 0: without an answer to keep. */
void books_key_done(const char *key, int http, const char *body);

/* All books as JSON. */
void books_print(FILE *to);

#endif
