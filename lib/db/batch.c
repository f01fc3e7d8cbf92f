#define _GNU_SOURCE 1 /* sem_clockwait */

#include "db/batch.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <time.h>

void batch_init(struct batch *batch, batch_work work, bool writes, int size_max, int running_max)
{
	assert(size_max > 0 && running_max > 0);
	*batch = (struct batch){
		.work = work, .writes = writes, .size_max = size_max, .running_max = running_max
	};
	pthread_mutex_init(&batch->lock, NULL);
	batch->tail = &batch->head;
}

/* True: the batch is idle, and the thread leads a batch of its own member. */
static bool batch_enter(struct batch *batch, struct batch_member *member)
{
	bool leads;

	pthread_mutex_lock(&batch->lock);
	leads = batch->running < batch->running_max;
	member->turn = leads ? BATCH_LEADS : BATCH_QUEUED;
	if (leads) {
		batch->running++;
	} else {
		*batch->tail = member;
		batch->tail = &member->next;
	}
	pthread_mutex_unlock(&batch->lock);
	return leads;
}

/* True: out of the queue. False: it was called at the same moment. */
static bool batch_leave(struct batch *batch, struct batch_member *member)
{
	struct batch_member **link = &batch->head;
	bool queued;

	pthread_mutex_lock(&batch->lock);
	queued = member->turn == BATCH_QUEUED;
	if (queued) {
		while (*link != member)
			link = &(*link)->next;
		*link = member->next;
		if (batch->tail == &member->next)
			batch->tail = link;
	}
	pthread_mutex_unlock(&batch->lock);
	return queued;
}

/* Until it leads or is done. False: its turn did not come in time. */
static bool batch_wait(struct batch *batch, struct batch_member *member, int32_t wait_ms)
{
	int64_t until_ms = clock_mono_ms() + wait_ms;
	struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
	int error;

	do {
		error = sem_clockwait(&member->called, CLOCK_MONOTONIC, &until) == 0 ? 0 : errno;
	} while (error == EINTR);
	if (error == 0)
		return true;
	if (batch_leave(batch, member))
		return false;
	while (sem_wait(&member->called) != 0)
		;
	return true;
}

/* The first of the queue, taken out of it; NULL: it is empty. The lock is held. */
static struct batch_member *batch_pop(struct batch *batch)
{
	struct batch_member *first = batch->head;

	if (!first)
		return NULL;
	batch->head = first->next;
	if (!batch->head)
		batch->tail = &batch->head;
	first->next = NULL;
	return first;
}

/*
 * The first of the queue leads the next batch. It is woken when the lock is free: it runs at once,
 * on this thread's processor, and would find the lock held.
 */
static void batch_call_next(struct batch *batch)
{
	struct batch_member *first;

	pthread_mutex_lock(&batch->lock);
	first = batch_pop(batch);
	if (first)
		first->turn = BATCH_LEADS;
	else
		batch->running--;
	pthread_mutex_unlock(&batch->lock);
	if (first)
		sem_post(&first->called);
}

/* As many as may follow the leader. */
static void batch_gather(struct batch *batch, struct batch_member *leader)
{
	struct batch_member *last = leader;

	pthread_mutex_lock(&batch->lock);
	for (int count = 1; batch->head && count < batch->size_max; count++) {
		last->next = batch_pop(batch);
		last = last->next;
		last->turn = BATCH_FOLLOWS;
	}
	pthread_mutex_unlock(&batch->lock);
}

enum db_code batch_transaction(struct db_pool *pool, const struct db_policy *policy,
			       db_tx_body body, struct batch_run run, struct db_cost *cost)
{
	return db_tx_run(pool, run.alone ? policy : &DB_POLICY_ONCE, body, &run, cost);
}

static void batch_work_on(const struct batch *batch, struct batch_member *first, bool alone)
{
	struct db_cost cost = { .trips = 0 };
	int64_t begin_us = clock_mono_us();
	enum db_code code = batch->work(first, alone, &cost);

	for (struct batch_member *member = first; member; member = member->next) {
		member->code = code;
		member->was_batched = first->next;
		db_cost_add(member->cost, &cost);
		member->cost->wait_us += begin_us - member->since_us;
	}
}

/*
 * Where no processor is free, threads that are about to queue wait for one: the yield lets them run
 * first, and they come along. Else it returns at once. A member is gone as soon as its thread knows
 * that it is done.
 */
static void batch_lead(struct batch *batch, struct batch_member *leader)
{
	struct batch_member *member, *next;

	sched_yield();
	batch_gather(batch, leader);
	batch_work_on(batch, leader, false);
	batch_call_next(batch);
	for (member = leader->next; member; member = next) {
		next = member->next;
		member->turn = BATCH_DONE;
		sem_post(&member->called);
	}
}

/* Whether what failed as a batch may yet be done for this member. */
static bool batch_falls_apart(const struct batch *batch, const struct batch_member *member)
{
	switch (member->code) {
	case DB_OK:
		return member->runs_alone;
	case DB_CONFLICT:
	case DB_LOST:
	case DB_MAYBE:
		return batch->writes;
	case DB_BROKEN:
		return member->was_batched;
	default:
		return false;
	}
}

enum db_code batch_do_alone(const struct batch *batch, struct batch_member *member)
{
	enum db_code before = member->code;

	member->next = NULL;
	member->runs_alone = false;
	member->since_us = clock_mono_us();
	batch_work_on(batch, member, true);
	/* a doubt that it could not clear stands */
	return member->code != DB_OK && before == DB_MAYBE ? DB_MAYBE : member->code;
}

enum db_code batch_do(struct batch *batch, struct batch_member *member, int32_t wait_ms)
{
	bool called = true;

	member->next = NULL;
	member->code = DB_OK;
	member->runs_alone = false;
	member->since_us = clock_mono_us();
	sem_init(&member->called, 0, 0);
	if (!batch_enter(batch, member))
		called = batch_wait(batch, member, wait_ms);
	if (called && member->turn == BATCH_LEADS)
		batch_lead(batch, member);
	sem_destroy(&member->called);
	if (!called)
		return DB_UNAVAILABLE;
	if (!batch_falls_apart(batch, member))
		return member->code;
	member->cost->retries += member->code != DB_OK;
	return batch_do_alone(batch, member);
}
