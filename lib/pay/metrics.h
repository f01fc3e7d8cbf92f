/*
 * Counters and histograms of the whole pool, in a memory-mapped file that its
 * processes share: each counts in a slot of its own without a lock, any of them
 * can answer for all, and what a process counted is kept when it ends.
 *
 * Every function may be called from any thread. Before metrics_open counting
 * does nothing.
 */
#ifndef PAYMENTS_PAY_METRICS_H
#define PAYMENTS_PAY_METRICS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define METRICS_ROUTES_MAX 32
#define METRICS_PROCESSES_MAX 256 /* at once; the slot of one that ended is taken over */

enum metric_counter {
	METRIC_PAYMENTS_APPROVED, /* settled, by a request or a janitor */
	METRIC_PAYMENTS_DECLINED,
	METRIC_PAYMENTS_UNKNOWN, /* no answer that proves anything: looked up later */
	METRIC_PAYMENTS_LOST,	 /* charged, the reservation lost: refund ordered */
	METRIC_BATCHES, /* transactions that claimed or settled payments, several at once where
			   several waited */
	METRIC_BATCHED, /* the claims and settlements in them */
	METRIC_BOOKING_LOOKS, /* reads of pages of bookings, each for all who waited */
	METRIC_BOOKING_LISTS, /* the pages read by them */
	METRIC_SEAT_MAPS, /* reads of all taken seats of a performance, each for all who waited */
	METRIC_SEAT_MAPS_GIVEN, /* the answers made of them */
	METRIC_REFUNDS_DONE,
	METRIC_REFUNDS_DELAYED,
	METRIC_REPAIRED,	    /* settled payments that somebody overwrote */
	METRIC_CANCELLED_ELSEWHERE, /* settled payments that were cancelled elsewhere */
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
 * Opens the file, or makes it; `path` "" counts in this process alone. The routes' names are the
 * labels of metrics_request, in its order: a build with other routes or counters uses a file of its
 * own beside it. False, and why: the file could not be had; this process counts alone, nothing else
 * is harmed.
 */
bool metrics_open(const char *path, const char *const *routes, int route_count, struct buf *why);
/* Ends this process's counting; what it counted stays in the file. No other thread may count any
 * more. */
void metrics_close(void);

/* Adds one, or `amount`; a duration in microseconds, to its histogram. */
void metrics_count(enum metric_counter counter);
void metrics_add(enum metric_counter counter, int64_t amount);
void metrics_time(enum metric_time what, int64_t us);
/* One request answered: route is the index into `routes`, or -1 where none matched. */
void metrics_request(int route, int http, int64_t us);
/* Requests this process is at work on, for the gauge. */
void metrics_busy(int change);

/* The whole pool in Prometheus' text form 0.0.4. */
void metrics_write(struct buf *out);

#endif
