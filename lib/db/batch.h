/*
 * Several threads' work of one kind, done together by one of them, like a
 * database's group commit. Who finds nobody at work begins at once. Who
 * comes meanwhile waits in line; when a batch is done, the first in line does the
 * next, for as many as wait. So nobody waits for company (a leader only lets those run who could
 * run in its place), and the more there is to do, the more is done together.
 */
#ifndef PAYMENTS_DB_BATCH_H
#define PAYMENTS_DB_BATCH_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

enum batch_turn { BATCH_WAITS, BATCH_TAKEN, BATCH_LEADS, BATCH_DONE };

/* What one thread wants done: the first member of a struct that says what, on that thread's
 * stack. */
struct batch_item {
	struct batch_item *next; /* in the batch; NULL: the last */
	sem_t called;
	_Atomic enum batch_turn turn; /* changed under the lock, but for DONE */
};

/* One kind of work. */
struct batch {
	pthread_mutex_t lock;
	struct batch_item *head, **tail; /* the line */
	int most;			 /* items of one batch */
	int at_once;			 /* batches at work, at the most */
	int at_work;
};

void batch_init(struct batch *batch, int most, int at_once);

/* Does the work of all items; what came of each stands in its struct afterwards. */
typedef void (*batch_work)(struct batch_item *items, void *context);

/*
 * Has the item's work done, by the calling thread or by another. False: nobody came to it within
 * wait_ms, and nobody will. The wait for the work itself is bounded by the work. `work` is the same
 * for all items.
 */
bool batch_do(struct batch *batch, struct batch_item *item, batch_work work, void *context,
	      int32_t wait_ms);

#endif
