/*
 * The pool. Threads wait in one queue, first come first served, each with a deadline. A waiter is
 * granted a connection, a slot to open one, or a refusal. The thread that got a slot connects
 * itself, outside the lock.
 *
 * A failed connect marks the pool down. While it is down and no connection is in use, waiters are
 * refused at once; after a back-off one of them tries to connect again.
 */
#define _GNU_SOURCE 1 /* sem_clockwait */

#include "db/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BACKOFF_MIN_MS 50   /* between tries to reach a database that is away */
#define BACKOFF_MAX_MS 1000 /* back within about a second of the database */

enum grant { GRANT_WAIT, GRANT_CONN, GRANT_SLOT, GRANT_REFUSED };

/* A semaphore, not a condition variable: the woken thread does not need the pool's lock, which the
 * waking thread still holds. */
struct waiter {
	struct waiter *next;
	sem_t granted;
	_Atomic enum grant grant; /* set before the semaphore, under the lock */
	struct db_conn *conn;
};

struct db_pool {
	pthread_mutex_t lock;
	struct db_pool_options options;
	struct buf conninfo; /* with the password: buf_free wipes it */

	struct db_conn *idle; /* a stack: connections that are not needed stay at its bottom */
	int open;	      /* existing or connecting; at most options.connections */
	int idle_count;	      /* of `open`: on the stack */
	int connecting;	      /* of `open`: connecting */
	struct waiter *head, **tail;
	int waiting;

	bool down;
	int32_t backoff_ms;
	int64_t probe_at_ms;
};

static bool pool_has_busy(const struct db_pool *pool)
{
	return pool->open - pool->idle_count - pool->connecting > 0;
}

static bool pool_may_connect(const struct db_pool *pool)
{
	if (pool->open >= pool->options.connections)
		return false;
	return !pool->down || (pool->connecting == 0 && clock_mono_ms() >= pool->probe_at_ms);
}

/* What the head of the queue gets now. */
static enum grant pool_decide(struct db_pool *pool, struct db_conn **conn)
{
	if (pool->idle) {
		*conn = pool->idle;
		pool->idle = pool->idle->next_idle;
		pool->idle_count--;
		return GRANT_CONN;
	}
	if (pool_may_connect(pool)) {
		pool->open++;
		pool->connecting++;
		return GRANT_SLOT;
	}
	return pool->down && !pool_has_busy(pool) ? GRANT_REFUSED : GRANT_WAIT;
}

static void pool_unlink(struct db_pool *pool, struct waiter *waiter)
{
	struct waiter **link = &pool->head;

	while (*link != waiter)
		link = &(*link)->next;
	*link = waiter->next;
	if (pool->tail == &waiter->next)
		pool->tail = link;
	pool->waiting--;
}

/* To be called after every change that may serve a waiter. */
static void pool_serve(struct db_pool *pool)
{
	struct waiter *waiter;

	while ((waiter = pool->head)) {
		enum grant grant = pool_decide(pool, &waiter->conn);

		if (grant == GRANT_WAIT)
			return;
		pool_unlink(pool, waiter);
		waiter->grant = grant;
		sem_post(&waiter->granted);
	}
}

static void pool_enqueue(struct db_pool *pool, struct waiter *waiter)
{
	*waiter = (struct waiter){ .grant = GRANT_WAIT };
	sem_init(&waiter->granted, 0, 0);
	*pool->tail = waiter;
	pool->tail = &waiter->next;
	pool->waiting++;
}

/* The deadline has passed; a grant of the same moment still counts. */
static void pool_give_up(struct db_pool *pool, struct waiter *waiter)
{
	pthread_mutex_lock(&pool->lock);
	if (waiter->grant == GRANT_WAIT) {
		pool_unlink(pool, waiter);
		waiter->grant = GRANT_REFUSED;
	}
	pthread_mutex_unlock(&pool->lock);
}

static enum grant pool_wait(struct db_pool *pool, int64_t deadline_ms, struct db_conn **conn)
{
	struct timespec until = { .tv_sec = deadline_ms / 1000,
				  .tv_nsec = deadline_ms % 1000 * 1000000 };
	struct waiter waiter;
	enum grant grant;
	int error;

	pthread_mutex_lock(&pool->lock);
	pool_enqueue(pool, &waiter);
	pool_serve(pool);
	pthread_mutex_unlock(&pool->lock);
	do {
		error = sem_clockwait(&waiter.granted, CLOCK_MONOTONIC, &until) == 0 ? 0 : errno;
	} while (error == EINTR);
	if (error)
		pool_give_up(pool, &waiter);
	sem_destroy(&waiter.granted);
	grant = waiter.grant; /* first: it orders the read of waiter.conn */
	*conn = waiter.conn;
	return grant;
}

/* Several connects may fail together: only a later one doubles the pause. */
static void pool_back_off(struct db_pool *pool)
{
	int64_t now_ms = clock_mono_ms();

	if (!pool->down)
		pool->backoff_ms = BACKOFF_MIN_MS;
	else if (now_ms >= pool->probe_at_ms)
		pool->backoff_ms = pool->backoff_ms * 2 < BACKOFF_MAX_MS ? pool->backoff_ms * 2
									 : BACKOFF_MAX_MS;
	pool->down = true;
	/* jitter: not all processes at the same moment */
	pool->probe_at_ms = now_ms + pool->backoff_ms / 2 +
			    arc4random_uniform((uint32_t)pool->backoff_ms / 2 + 1);
}

static struct db_conn *pool_connect(struct db_pool *pool)
{
	char why[CONN_WHY_MAX];
	struct db_conn *conn = conn_open(buf_text(&pool->conninfo), pool->options.connect_ms, why);
	bool was_down;

	pthread_mutex_lock(&pool->lock);
	was_down = pool->down;
	pool->connecting--;
	if (conn) {
		pool->down = false;
	} else {
		pool->open--;
		pool_back_off(pool);
	}
	pool_serve(pool);
	pthread_mutex_unlock(&pool->lock);
	if (conn && was_down)
		log_event(LOG_LEVEL_INFO, "database_back", "connected again");
	else if (!conn && !was_down)
		log_event(LOG_LEVEL_ERROR, "database_away", "%s", why);
	return conn;
}

static void pool_drop(struct db_pool *pool, struct db_conn *conn)
{
	conn_close(conn);
	pthread_mutex_lock(&pool->lock);
	pool->open--;
	pool_serve(pool);
	pthread_mutex_unlock(&pool->lock);
}

struct db_conn *pool_take(struct db_pool *pool, int64_t wait_ms)
{
	int64_t deadline_ms = clock_mono_ms() + wait_ms;
	struct db_conn *conn;

	/* bounded: each turn but the last closes an idle connection that has died */
	for (;;) {
		switch (pool_wait(pool, deadline_ms, &conn)) {
		case GRANT_SLOT:
			return pool_connect(pool);
		case GRANT_CONN:
			if (conn_alive(conn))
				return conn;
			pool_drop(pool, conn);
			break;
		default:
			return NULL;
		}
	}
}

void pool_give(struct db_pool *pool, struct db_conn *conn)
{
	if (conn->dead || PQtransactionStatus(conn->pg) != PQTRANS_IDLE) {
		pool_drop(pool, conn);
		return;
	}
	pthread_mutex_lock(&pool->lock);
	conn->next_idle = pool->idle;
	pool->idle = conn;
	pool->idle_count++;
	pool_serve(pool);
	pthread_mutex_unlock(&pool->lock);
}

const struct db_pool_options *pool_options(const struct db_pool *pool)
{
	return &pool->options;
}

struct db_pool *db_pool_open(const struct settings *settings)
{
	struct db_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	db_conninfo(settings, &pool->conninfo);
	if (pool->conninfo.failed) {
		buf_free(&pool->conninfo);
		free(pool);
		return NULL;
	}
	pool->options = (struct db_pool_options){ .connections = settings->db_connections,
						  .wait_ms = settings->db_wait_ms,
						  .connect_ms = settings->db_connect_ms,
						  .trip_ms = settings->db_trip_ms,
						  .prepare = settings->prepared_statements };
	pool->tail = &pool->head;
	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

void db_pool_close(struct db_pool *pool)
{
	assert(pool->open == pool->idle_count && !pool->head);
	while (pool->idle) {
		struct db_conn *conn = pool->idle;

		pool->idle = conn->next_idle;
		conn_close(conn);
	}
	buf_free(&pool->conninfo);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

struct db_pool_state db_pool_state(struct db_pool *pool)
{
	struct db_pool_state state;

	pthread_mutex_lock(&pool->lock);
	state = (struct db_pool_state){ .open = pool->open - pool->connecting,
					.busy = pool->open - pool->idle_count - pool->connecting,
					.waiting = pool->waiting,
					.down = pool->down };
	pthread_mutex_unlock(&pool->lock);
	return state;
}
