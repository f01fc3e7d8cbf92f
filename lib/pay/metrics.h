/*
 * Counters and histograms of the whole pool, in a memory-mapped file. Each process counts in its
 * own slot without a lock, any process can write the sum, and counts survive their process.
 *
 * Any thread may count. Before metrics_open nothing is counted.
 */
#ifndef PAYMENTS_PAY_METRICS_H
#define PAYMENTS_PAY_METRICS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define METRICS_ROUTES_MAX 32
#define METRICS_PROCESSES_MAX 256 /* at once; the slot of a process that ended is used again */

enum metric_counter {
	METRIC_PAYMENTS_APPROVED, /* settled by a request or a janitor */
	METRIC_PAYMENTS_DECLINED,
	METRIC_PAYMENTS_UNKNOWN, /* no answer that proves anything: to be reconciled */
	METRIC_PAYMENTS_LOST,	 /* charged, but the reservation was lost: refund ordered */
	METRIC_BATCHES,		 /* transactions of the group commit */
	METRIC_BATCHED,		 /* the claims and settlements in them */
	METRIC_BOOKING_LOOKS,	 /* coalesced reads of booking pages */
	METRIC_BOOKING_LISTS,	 /* the pages read by them */
	METRIC_SEAT_MAPS,	 /* coalesced reads of seat maps */
	METRIC_SEAT_MAPS_GIVEN,	 /* the answers made of them */
	METRIC_REFUNDS_DONE,
	METRIC_REFUNDS_DELAYED,
	METRIC_REPAIRED,	    /* settled payments that another service overwrote */
	METRIC_CANCELLED_ELSEWHERE, /* settled payments cancelled elsewhere */
	METRIC_HOLDS_EXPIRED,
	METRIC_SHADOW_SAME,
	METRIC_SHADOW_DIFFERS,
	METRIC_COUNTERS
};

enum metric_time {
	METRIC_TIME_QUEUE,
	METRIC_TIME_DB_WAIT,
	METRIC_TIME_DB,
	METRIC_TIME_GATEWAY,
	METRIC_TIMES
};

/*
 * Opens or creates the file; `path` "": counts in this process only. `routes` are the labels of
 * metrics_request. A build with other routes or counters uses another file. False, and *why: no
 * file, and the process counts alone.
 */
bool metrics_open(const char *path, const char *const *routes, int route_count, struct buf *why);
/* The counts stay in the file. No other thread may count any more. */
void metrics_close(void);

void metrics_count(enum metric_counter counter);
void metrics_add(enum metric_counter counter, int64_t amount);
void metrics_time(enum metric_time what, int64_t us);
/* One answered request; `route` is the index in `routes`, -1: no route. */
void metrics_request(int route, int http, int64_t us);
/* Adds to the number of requests in work. */
void metrics_busy(int change);

/* The whole pool, in Prometheus text format 0.0.4. */
void metrics_write(struct buf *out);

#endif
