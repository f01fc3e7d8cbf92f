/*
 * The payments library in use: the per-process context, the per-request context, and the result.
 * Everything in lib/pay takes these.
 */
#ifndef PAYMENTS_PAY_SERVICE_H
#define PAYMENTS_PAY_SERVICE_H

#include "auth/token.h"
#include "auth/token_cache.h"
#include "base/shared_text.h"
#include "base/status.h"
#include "base/uuid.h"
#include "config/settings.h"
#include "db/batch.h"
#include "db/db.h"
#include "pay/error_body.h"
#include "pay/process_id.h"

#include <stdbool.h>
#include <stdint.h>

#define SERVICE_SEAT_MAPS 16 /* queues; performances of the same one wait for each other */

/* The per-process context, shared by the threads. */
struct service {
	struct db_pool *pool;
	struct token_cache *tokens;	 /* NULL: none are remembered */
	char process_id[PROCESS_ID_MAX]; /* tells the janitors whose attempt is whose */
	struct batch claims, settlements;
	struct batch lists;			   /* pages of bookings */
	struct batch seat_maps[SERVICE_SEAT_MAPS]; /* a performance has always the same one */
};

/* Fills all but service->tokens; these and the pool are the caller's. The struct is not moved
 * afterwards. */
void service_init(struct service *service, struct db_pool *pool, const struct settings *settings);

/* The per-request context. The HTTP edge makes it, on its stack. */
struct call {
	struct service *service;
	const struct settings *settings; /* the set in force when the request came */
	struct principal principal;	 /* of the verified token */
	enum language language;
	const char *request_id;
	const char *idempotency_key; /* NULL: none given */
	/* what it cost, for the log line */
	struct db_cost db;
	int64_t gateway_us;
};

/* Counts a batch of claims or settlements; a member that runs alone was counted before. */
void service_count_batch(const struct batch_member *first, bool alone);

/* The result of a call. The body is complete JSON. */
struct outcome {
	enum status status;
	int http; /* 0: the status table's */
	struct buf body;
	struct spliced shared; /* the body, if it is shared with other requests */
	bool replayed;	       /* a stored answer, given again: Idempotency-Replayed: true */
	struct uuid intent_id; /* for the log; "" where there is none */
	char next_cursor[96];  /* booking list: the next page's cursor, "" on the last */
};

/* Ends a call with an error body of `status`. Returns nothing: the outcome is complete. */
void outcome_error(struct outcome *outcome, const struct call *call, enum status status);
void outcome_free(struct outcome *outcome);

/* Whether the token's user exists. OK, USER_NOT_FOUND, SERVICE_UNAVAILABLE, INTERNAL_ERROR. The
 * edge asks only where the body is refused before a domain call could have noticed (the domain
 * calls check the user in their own first statement). */
enum status service_check_user(struct call *call);

/* Database code -> what the client is told: SERVICE_UNAVAILABLE, PAYMENT_IN_PROGRESS or
 * INTERNAL_ERROR. */
enum status service_status_of(enum db_code code);

/* health/ready: OK, or SERVICE_UNAVAILABLE with what is wrong in `why`. */
enum status service_ready(struct service *service, struct buf *why);

#endif
