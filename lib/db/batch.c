#define _GNU_SOURCE 1 /* sem_clockwait */

#include "db/batch.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <time.h>

void batch_init(struct batch *batch, int most, int at_once)
{
	assert(most > 0 && at_once > 0);
	*batch = (struct batch){ .most = most, .at_once = at_once };
	pthread_mutex_init(&batch->lock, NULL);
	batch->tail = &batch->head;
}

/* True: the thread begins at once, with its own item alone. */
static bool stand_in_line(struct batch *batch, struct batch_item *item)
{
	bool leads;

	pthread_mutex_lock(&batch->lock);
	leads = batch->at_work < batch->at_once;
	item->turn = leads ? BATCH_LEADS : BATCH_WAITS;
	if (leads) {
		batch->at_work++;
	} else {
		*batch->tail = item;
		batch->tail = &item->next;
	}
	pthread_mutex_unlock(&batch->lock);
	return leads;
}

/* True: out of the line. False: it was called in the same moment. */
static bool give_up(struct batch *batch, struct batch_item *item)
{
	struct batch_item **link = &batch->head;
	bool waits;

	pthread_mutex_lock(&batch->lock);
	waits = item->turn == BATCH_WAITS;
	if (waits) {
		while (*link != item)
			link = &(*link)->next;
		*link = item->next;
		if (batch->tail == &item->next)
			batch->tail = link;
	}
	pthread_mutex_unlock(&batch->lock);
	return waits;
}

/* Until it leads or is done. False: the deadline passed before anybody came to it. */
static bool wait_in_line(struct batch *batch, struct batch_item *item, int32_t wait_ms)
{
	int64_t until_ms = clock_mono_ms() + wait_ms;
	struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
	int error;

	do {
		error = sem_clockwait(&item->called, CLOCK_MONOTONIC, &until) == 0 ? 0 : errno;
	} while (error == EINTR);
	if (error == 0)
		return true;
	if (give_up(batch, item))
		return false;
	while (sem_wait(&item->called) != 0)
		;
	return true;
}

/* The first in line, taken out of it; NULL: none. The lock is held. */
static struct batch_item *take_first(struct batch *batch)
{
	struct batch_item *first = batch->head;

	if (!first)
		return NULL;
	batch->head = first->next;
	if (!batch->head)
		batch->tail = &batch->head;
	first->next = NULL;
	return first;
}

/*
 * The first in line leads the next batch. It is woken when the lock is free: it runs at once, on
 * the waker's processor, and who comes meanwhile would find the lock held by a thread that waits.
 */
static void call_next(struct batch *batch)
{
	struct batch_item *first;

	pthread_mutex_lock(&batch->lock);
	first = take_first(batch);
	if (!first)
		batch->at_work--;
	else
		first->turn = BATCH_LEADS;
	pthread_mutex_unlock(&batch->lock);
	if (first)
		sem_post(&first->called);
}

/* As many as may go along with the leader. */
static void take_along(struct batch *batch, struct batch_item *last)
{
	pthread_mutex_lock(&batch->lock);
	for (int count = 1; batch->head && count < batch->most; count++) {
		last->next = take_first(batch);
		last = last->next;
		last->turn = BATCH_TAKEN;
	}
	pthread_mutex_unlock(&batch->lock);
}

/*
 * Where the processors have nothing left over, threads that are about to stand in line wait for
 * one: they run first, and come along. Where they have, nobody does, and the yield returns at once.
 *
 * An item is gone as soon as its thread knows that it is done.
 */
static void lead(struct batch *batch, struct batch_item *own, batch_work work, void *context)
{
	struct batch_item *item, *next;

	sched_yield();
	take_along(batch, own);
	work(own, context);
	call_next(batch);
	for (item = own->next; item; item = next) {
		next = item->next;
		item->turn = BATCH_DONE;
		sem_post(&item->called);
	}
}

bool batch_do(struct batch *batch, struct batch_item *item, batch_work work, void *context,
	      int32_t wait_ms)
{
	bool called = true;

	item->next = NULL;
	sem_init(&item->called, 0, 0);
	if (!stand_in_line(batch, item))
		called = wait_in_line(batch, item, wait_ms);
	if (called && item->turn == BATCH_LEADS)
		lead(batch, item, work, context);
	sem_destroy(&item->called);
	return called;
}
