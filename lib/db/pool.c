/*
 * The pool: who has which connection when. Takers stand in one line, first come
 * first served, each with a deadline; what becomes free goes to the head of the
 * line. What a taker gets is a connection, the leave to make one, or the word
 * that the database is away. Connections are made by the thread that needs one,
 * outside the lock.
 *
 * A connect that fails marks the pool down. While it is down and no connection
 * is at work that could come back, takers are refused at once; after a back-off
 * one of them tries again.
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
#define BACKOFF_MAX_MS 1000 /* so that the service is back within about a second of it */

enum grant { GRANT_WAIT, GRANT_CONN, GRANT_SLOT, GRANT_REFUSED };

/* A semaphore, not a condition variable: who was granted something goes on without the pool's lock,
 * which the granter still holds. */
struct waiter {
	struct waiter *next;
	sem_t granted;
	_Atomic enum grant grant; /* set before the semaphore, under the lock */
	struct db_conn *conn;
};

struct db_pool {
	pthread_mutex_t lock;
	struct db_pool_options options;
	struct buf conninfo; /* holds the password: wiped */

	struct db_conn *idle; /* the last one given back first: the others may grow old and go */
	int open;	      /* existing or being made; at most options.connections */
	int resting;	      /* of those, on `idle` */
	int connecting;	      /* of those, being made */
	struct waiter *head, **tail;
	int waiting;

	bool down;
	int32_t backoff_ms;
	int64_t probe_at_ms;
};

static bool pool_may_return(const struct db_pool *pool)
{
	return pool->open - pool->resting - pool->connecting > 0;
}

static bool pool_may_connect(const struct db_pool *pool)
{
	if (pool->open >= pool->options.connections)
		return false;
	return !pool->down || (pool->connecting == 0 && clock_mono_ms() >= pool->probe_at_ms);
}

/* What the head of the line can have now. */
static enum grant pool_decide(struct db_pool *pool, struct db_conn **conn)
{
	if (pool->idle) {
		*conn = pool->idle;
		pool->idle = pool->idle->below;
		pool->resting--;
		return GRANT_CONN;
	}
	if (pool_may_connect(pool)) {
		pool->open++;
		pool->connecting++;
		return GRANT_SLOT;
	}
	return pool->down && !pool_may_return(pool) ? GRANT_REFUSED : GRANT_WAIT;
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

/* Serves the line as far as it goes. To be called after every change that may serve somebody. */
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

static void pool_stand_in_line(struct db_pool *pool, struct waiter *waiter)
{
	*waiter = (struct waiter){ .grant = GRANT_WAIT };
	sem_init(&waiter->granted, 0, 0);
	*pool->tail = waiter;
	pool->tail = &waiter->next;
	pool->waiting++;
}

/* The deadline is over, unless something was granted in the same moment. */
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
	pool_stand_in_line(pool, &waiter);
	pool_serve(pool);
	pthread_mutex_unlock(&pool->lock);
	do {
		error = sem_clockwait(&waiter.granted, CLOCK_MONOTONIC, &until) == 0 ? 0 : errno;
	} while (error == EINTR);
	if (error)
		pool_give_up(pool, &waiter);
	sem_destroy(&waiter.granted);
	grant = waiter.grant; /* first: what was written before it is then seen */
	*conn = waiter.conn;
	return grant;
}

static void pool_connected(struct db_pool *pool)
{
	bool was_down;

	pthread_mutex_lock(&pool->lock);
	was_down = pool->down;
	pool->down = false;
	pool->connecting--;
	pool_serve(pool);
	pthread_mutex_unlock(&pool->lock);
	if (was_down)
		log_event(LOG_LEVEL_INFO, "database_back", "connected again");
}

/* Several may fail together when the database goes away: only a later try doubles the pause. */
static void pool_back_off(struct db_pool *pool)
{
	int64_t now_ms = clock_mono_ms();

	if (!pool->down)
		pool->backoff_ms = BACKOFF_MIN_MS;
	else if (now_ms >= pool->probe_at_ms)
		pool->backoff_ms = pool->backoff_ms * 2 < BACKOFF_MAX_MS ? pool->backoff_ms * 2
									 : BACKOFF_MAX_MS;
	pool->down = true;
	/* jitter: the processes of a pool must not all knock at the same moment */
	pool->probe_at_ms = now_ms + pool->backoff_ms / 2 +
			    arc4random_uniform((uint32_t)pool->backoff_ms / 2 + 1);
}

static void pool_connect_failed(struct db_pool *pool, const char *why)
{
	bool was_down;

	pthread_mutex_lock(&pool->lock);
	was_down = pool->down;
	pool->open--;
	pool->connecting--;
	pool_back_off(pool);
	pool_serve(pool);
	pthread_mutex_unlock(&pool->lock);
	if (!was_down)
		log_event(LOG_LEVEL_ERROR, "database_away", "%s", why);
}

static struct db_conn *pool_connect(struct db_pool *pool)
{
	char why[CONN_WHY_MAX];
	struct db_conn *conn = conn_open(buf_text(&pool->conninfo), pool->options.connect_ms, why);

	if (conn)
		pool_connected(pool);
	else
		pool_connect_failed(pool, why);
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

	/* bounded: each round but the last closes a connection that rested too long */
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
	conn->below = pool->idle;
	pool->idle = conn;
	pool->resting++;
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
	settings_conninfo(settings, &pool->conninfo);
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
	assert(pool->open == pool->resting && !pool->head);
	while (pool->idle) {
		struct db_conn *conn = pool->idle;

		pool->idle = conn->below;
		conn_close(conn);
	}
	explicit_bzero(pool->conninfo.data, pool->conninfo.length);
	buf_free(&pool->conninfo);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

struct db_pool_state db_pool_state(struct db_pool *pool)
{
	struct db_pool_state state;

	pthread_mutex_lock(&pool->lock);
	state = (struct db_pool_state){ .open = pool->open - pool->connecting,
					.busy = pool->open - pool->resting - pool->connecting,
					.waiting = pool->waiting,
					.down = pool->down };
	pthread_mutex_unlock(&pool->lock);
	return state;
}
