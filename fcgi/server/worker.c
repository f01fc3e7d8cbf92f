/*
 * The worker threads. A thread is idle while it waits in accept and busy while it has a connection.
 * A peer that connects and sends nothing occupies one thread until its timeout, and no more:
 * another thread was started in its place.
 */
#include "fcgi/server/worker.h"

#include "base/clock.h"
#include "fcgi/http/exchange.h"
#include "fcgi/server/accept.h"
#include "fcgi/server/cond.h"
#include "fcgi/server/settings_live.h"

#include <fcgiapp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREAD_STACK_BYTES (256 * 1024) /* the log puts a line of 4 KiB on it */
#define SHRINK_WINDOW_MS 10000		/* a thread not needed for so long may end */
#define IDLE_TURN_MS 5000		/* far above ACCEPT_WAIT_MS */
#define BUSY_TURN_MS 60000 /* no request takes so long: see the deadlines of settings.h */

struct worker {
	struct acceptor acceptor;
	struct service *service;
	atomic_bool draining;

	pthread_mutex_t lock; /* protects what follows */
	pthread_cond_t ended; /* the last thread ended */
	pthread_t leaver;     /* ended last; the next thread to end joins it, or the drain does */
	bool has_leaver;
	int threads;
	int idle;    /* threads in accept or on the way there */
	int low;     /* the fewest idle threads since the window began */
	int surplus; /* how many may end: they were idle through the last window */
	int64_t window_end_ms;
	int64_t turned_ms; /* when a thread last went to accept */
};

static bool thread_launch(struct worker *worker);

/* Starts one more thread when too few remain in accept. */
static void thread_becomes_busy(struct worker *worker, const struct settings *settings)
{
	bool grow;

	pthread_mutex_lock(&worker->lock);
	worker->idle--;
	if (worker->idle < worker->low)
		worker->low = worker->idle;
	grow = worker->idle < settings->spare_threads && worker->threads < settings->threads &&
	       !worker->draining;
	if (grow) { /* counted before it runs, so that no other thread starts one too */
		worker->threads++;
		worker->idle++;
	}
	pthread_mutex_unlock(&worker->lock);
	if (grow)
		thread_launch(worker);
}

static void thread_becomes_idle(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->idle++;
	worker->turned_ms = clock_mono_ms();
	pthread_mutex_unlock(&worker->lock);
}

/*
 * The fewest idle threads of the last window say how many may end. How long one thread was idle
 * says nothing: the kernel chooses which thread it wakes.
 */
static void window_turn(struct worker *worker, int64_t now_ms)
{
	const struct settings *settings = settings_acquire();

	worker->surplus =
		worker->low > settings->spare_threads ? worker->low - settings->spare_threads : 0;
	worker->low = worker->idle;
	worker->window_end_ms = now_ms + SHRINK_WINDOW_MS;
	settings_release(settings);
}

/* Whether an idle thread goes on. False: it must end. */
static bool thread_stays(struct worker *worker)
{
	int64_t now_ms = clock_mono_ms();
	bool stays = true;

	pthread_mutex_lock(&worker->lock);
	worker->turned_ms = now_ms;
	if (now_ms >= worker->window_end_ms)
		window_turn(worker, now_ms);
	if (worker->draining) {
		stays = false;
	} else if (worker->surplus > 0 && worker->idle > 1) {
		worker->surplus--;
		stays = false;
	}
	if (!stays)
		worker->idle--;
	pthread_mutex_unlock(&worker->lock);
	return stays;
}

/*
 * Each thread joins the one that ended before it, and the drain joins the last. So every thread has
 * freed its thread-local data before the process frees the rest, and no list of threads is needed.
 */
static void thread_leave(struct worker *worker)
{
	pthread_t before;
	bool had_leaver;

	pthread_mutex_lock(&worker->lock);
	before = worker->leaver;
	had_leaver = worker->has_leaver;
	worker->leaver = pthread_self();
	worker->has_leaver = true;
	if (--worker->threads == 0)
		pthread_cond_signal(&worker->ended);
	pthread_mutex_unlock(&worker->lock);
	if (had_leaver)
		pthread_join(before, NULL);
}

static void *thread_run(void *argument)
{
	struct worker *worker = argument;
	FCGX_Request fcgx;

	FCGX_InitRequest(&fcgx, -1, 0);
	while (thread_stays(worker)) {
		const struct settings *settings;
		int fd = acceptor_wait(&worker->acceptor);

		if (fd < 0)
			continue;
		settings = settings_acquire();
		thread_becomes_busy(worker, settings);
		if (connection_begin(&fcgx, fd)) {
			exchange_serve(&fcgx, worker->service, settings);
			FCGX_Free(&fcgx, true);
		}
		settings_release(settings);
		thread_becomes_idle(worker);
	}
	thread_leave(worker);
	return NULL;
}

static int thread_create(struct worker *worker)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int error = pthread_attr_init(&attributes);

	if (error)
		return error;
	pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
	error = pthread_create(&thread, &attributes, thread_run, worker);
	pthread_attr_destroy(&attributes);
	return error;
}

/* Starts a thread that is counted already. Corrects the count when that fails. */
static bool thread_launch(struct worker *worker)
{
	int error = thread_create(worker);

	if (error == 0)
		return true;
	pthread_mutex_lock(&worker->lock);
	worker->threads--;
	worker->idle--;
	pthread_mutex_unlock(&worker->lock);
	acceptor_log_failure(&worker->acceptor, "thread_refused", error);
	return false;
}

static void worker_free(struct worker *worker)
{
	pthread_cond_destroy(&worker->ended);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

/* Starts the threads that are kept idle. False: not even one could be started. */
static bool worker_open(struct worker *worker, int listen_fd)
{
	const struct settings *settings = settings_acquire();
	int count = settings->spare_threads;
	bool some = false;

	if (count > settings->threads)
		count = settings->threads;
	settings_release(settings);
	if (!acceptor_open(&worker->acceptor, listen_fd))
		return false;
	worker->threads = count; /* counted before they run */
	worker->idle = count;
	worker->low = count;
	for (int i = 0; i < count; i++)
		some = thread_launch(worker) || some;
	return some;
}

struct worker *worker_start(int listen_fd, struct service *service)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->service = service;
	worker->turned_ms = clock_mono_ms();
	worker->window_end_ms = worker->turned_ms + SHRINK_WINDOW_MS;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->ended, NULL);
	if (worker_open(worker, listen_fd))
		return worker;
	worker_free(worker);
	return NULL;
}

void worker_load_read(struct worker *worker, struct worker_load *out)
{
	int64_t since_ms;

	pthread_mutex_lock(&worker->lock);
	since_ms = clock_mono_ms() - worker->turned_ms;
	out->threads = worker->threads;
	out->busy = worker->threads - worker->idle;
	out->alive = since_ms < (worker->idle > 0 ? IDLE_TURN_MS : BUSY_TURN_MS);
	pthread_mutex_unlock(&worker->lock);
}

bool worker_drain(struct worker *worker, int64_t drain_ms)
{
	int64_t deadline_ms = clock_mono_ms() + drain_ms;
	bool done;

	atomic_store(&worker->draining, true);
	pthread_mutex_lock(&worker->lock);
	while (worker->threads > 0 && cond_wait_until(&worker->ended, &worker->lock, deadline_ms))
		;
	done = worker->threads == 0;
	pthread_mutex_unlock(&worker->lock);
	if (done) {
		pthread_join(worker->leaver, NULL);
		worker_free(worker);
	}
	return done;
}
