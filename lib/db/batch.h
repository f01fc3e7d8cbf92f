/*
 * Group commit, and request coalescing: the work of several threads, done by one of them in one
 * transaction. An idle batch starts immediately, as a batch of one. Members that arrive meanwhile
 * queue; when a run ends, the first in the queue becomes leader of all that are queued, up to
 * `size_max`. A member that would make the others fail or wait leaves the batch and runs alone.
 */
#ifndef PAYMENTS_DB_BATCH_H
#define PAYMENTS_DB_BATCH_H

#include "db/db.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

enum batch_turn { BATCH_QUEUED, BATCH_FOLLOWS, BATCH_LEADS, BATCH_DONE };

/* One thread's part: the first member of a struct that says what, on that thread's stack. */
struct batch_member {
	struct batch_member *next; /* in the batch; NULL: the last */
	struct db_cost *cost;	   /* of its request; the cost of the run is added */
	bool runs_alone;	   /* set by the work: it left the batch */
	/* batch.c's */
	sem_t called;
	_Atomic enum batch_turn turn; /* changed under the lock, but for DONE */
	bool was_batched;
	int64_t since_us;
	enum db_code code;
};

/*
 * Does the work of all members from `first` on. OK: each member's struct has its result, unless the
 * work set member->runs_alone, as it does where another transaction has locked its rows. Any other
 * code: nothing of any member was done; after DB_MAYBE, that must be read from the database.
 * `alone`: the member is the only one, was in a batch before, and may wait for locks.
 */
typedef enum db_code (*batch_work)(struct batch_member *first, bool alone, struct db_cost *cost);

/* One kind of work. */
struct batch {
	batch_work work;
	bool writes;	 /* what failed for want of a connection is done again, alone */
	int size_max;	 /* members of one batch at most */
	int running_max; /* batches that run at the same time, at most */
	pthread_mutex_t lock;
	struct batch_member *head, **tail; /* the queue */
	int running;			   /* batches */
};

void batch_init(struct batch *batch, batch_work work, bool writes, int size_max, int running_max);

/*
 * Has the member's work done, by the calling thread or by another. UNAVAILABLE: its turn did not
 * come within wait_ms, and nothing was done. The wait for the work itself is bounded by the work.
 */
enum db_code batch_do(struct batch *batch, struct batch_member *member, int32_t wait_ms);

/* For work that is one transaction: what its body is given. */
struct batch_run {
	struct batch_member *first;
	bool alone;
};
/* Runs body once for a batch, and for a member that is alone as often as `policy` says. */
enum db_code batch_transaction(struct db_pool *pool, const struct db_policy *policy,
			       db_tx_body body, struct batch_run run, struct db_cost *cost);

/* Without the queue. */
enum db_code batch_do_alone(const struct batch *batch, struct batch_member *member);

#endif
