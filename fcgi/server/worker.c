/*
 * The threads and the connections they accept. A thread is idle while it waits at the
 * door and busy from the moment it has a connection: a peer that connects and
 * then says nothing holds one thread, for PEER_PATIENCE_S, and no more, since
 * another was started in its place.
 */
#define _GNU_SOURCE 1 /* strerrordesc_np */

#include "fcgi/server/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "fcgi/http/exchange.h"
#include "fcgi/server/cond.h"
#include "fcgi/server/door.h"

#include <errno.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define THREAD_STACK_BYTES (256 * 1024) /* the log puts a line of 4 KiB on it */
#define PEER_PATIENCE_S 10		/* for the next byte from or to a peer */
#define SHRINK_WINDOW_MS 10000		/* a thread not needed for so long may leave */
#define FAILURE_PAUSE_MS 50		/* after an accept that failed for want of something */
#define FAILURE_LOG_MS 1000		/* such failures are logged this often at the most */
#define IDLE_TURN_MS 5000		/* an idle thread comes back from the door far more often */
#define BUSY_TURN_MS 60000 /* no request takes so long: see the deadlines of settings.h */

struct worker {
	struct door *door;
	struct service *service;
	atomic_bool draining;
	_Atomic int64_t failure_logged_ms;

	pthread_mutex_t lock; /* what follows */
	pthread_cond_t ended; /* the last thread has */
	pthread_t leaver;     /* who left last: joined by the next who leaves, or by the drain */
	bool has_leaver;
	int threads;
	int idle;    /* of them, those at the door or on their way there */
	int low;     /* the fewest idle ones since the window began */
	int surplus; /* how many may leave: nobody needed them in the last window */
	int64_t window_end_ms;
	int64_t turned_ms; /* when a thread last came by on its way to the door */
};

static bool thread_launch(struct worker *worker);

/* A failure repeats for every thread and connection: once a second tells it all. */
static void failure_log(struct worker *worker, const char *event, int error)
{
	int64_t now_ms = clock_mono_ms();
	int64_t last_ms = atomic_load(&worker->failure_logged_ms);

	if (now_ms - last_ms >= FAILURE_LOG_MS &&
	    atomic_compare_exchange_strong(&worker->failure_logged_ms, &last_ms, now_ms))
		log_event(LOG_LEVEL_ERROR, event, "%s", strerrordesc_np(error));
}

static void socket_set_patience(int fd, int option, int64_t ms)
{
	struct timeval patience = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, option, &patience, sizeof(patience));
}

static bool is_passing(int error)
{
	return error == EAGAIN || error == EINTR || error == ECONNABORTED || error == EPROTO;
}

/* One connection, or -1: nobody came, or it could not be had. */
static int connection_accept(struct worker *worker, int place)
{
	int fd = door_accept(worker->door, place);
	int error = errno;

	if (fd < 0) {
		if (!is_passing(error)) {
			failure_log(worker, "accept_failed", error);
			clock_sleep_ms(FAILURE_PAUSE_MS);
		}
		return -1;
	}
	/* TCP sockets inherit the listener's short patience, unix sockets have none at all. */
	socket_set_patience(fd, SO_RCVTIMEO, PEER_PATIENCE_S * 1000);
	socket_set_patience(fd, SO_SNDTIMEO, PEER_PATIENCE_S * 1000);
	return fd;
}

/*
 * Has libfcgi read a request's begin and parameters from a connection. libfcgi's own accept would
 * read them before a timeout could be set, and would count as idle a thread that waits for them. So
 * it is given the connection as one that was kept open; its own listening socket is -1, which makes
 * it return, the connection closed, where the peer sends rubbish.
 */
static bool connection_begin(FCGX_Request *fcgx, int fd)
{
	fcgx->ipcFd = fd;
	fcgx->keepConnection = 1;
	if (FCGX_Accept_r(fcgx) != 0)
		return false;
	/* The streams of what goes out are not used: see framing.h. */
	FCGX_FreeStream(&fcgx->out);
	FCGX_FreeStream(&fcgx->err);
	return true;
}

static void connection_serve(struct worker *worker, FCGX_Request *fcgx, int fd,
			     const struct settings *settings)
{
	if (connection_begin(fcgx, fd)) {
		exchange_serve(fcgx, worker->service, settings);
		FCGX_Free(fcgx, true);
	} else {
		log_event(LOG_LEVEL_DEBUG, "peer_unusable", "it sent no whole FastCGI request");
	}
}

/* The caller goes to work: where that leaves too few at the door, one more thread is started. */
static void thread_becomes_busy(struct worker *worker, const struct settings *settings)
{
	bool grow;

	pthread_mutex_lock(&worker->lock);
	worker->idle--;
	if (worker->idle < worker->low)
		worker->low = worker->idle;
	grow = worker->idle < settings->spare_threads && worker->threads < settings->threads &&
	       !worker->draining;
	if (grow) { /* counted before it runs, so that nobody starts another meanwhile */
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
 * How many may go is judged by the fewest that were idle at any moment of the last window, not by
 * how long one of them had nothing to do: which one the kernel wakes says nothing of how many are
 * needed.
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

/* Whether an idle thread goes on. False: it must leave. */
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
 * Each joins the one that left before it, and the drain joins the last: so none is still giving
 * back what libraries keep for a thread when the process frees the rest, and no list of them is
 * needed.
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
	int place = DOOR_IN_TURN;

	FCGX_InitRequest(&fcgx, -1, 0);
	while (thread_stays(worker)) {
		const struct settings *settings;
		int fd;

		place = door_take_place(worker->door, place);
		fd = connection_accept(worker, place);
		if (fd < 0)
			continue;
		settings = settings_acquire();
		thread_becomes_busy(worker, settings);
		connection_serve(worker, &fcgx, fd, settings);
		settings_release(settings);
		thread_becomes_idle(worker);
	}
	door_leave_place(worker->door, place);
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

/* Starts a thread that is counted already; takes the count back where that fails. */
static bool thread_launch(struct worker *worker)
{
	int error = thread_create(worker);

	if (error == 0)
		return true;
	pthread_mutex_lock(&worker->lock);
	worker->threads--;
	worker->idle--;
	pthread_mutex_unlock(&worker->lock);
	failure_log(worker, "thread_refused", error);
	return false;
}

static void worker_free(struct worker *worker)
{
	pthread_cond_destroy(&worker->ended);
	pthread_mutex_destroy(&worker->lock);
	door_close(worker->door);
	free(worker);
}

static int less_of(int a, int b)
{
	return a < b ? a : b;
}

/* Those that are kept idle. False: not even one is to be had. */
static bool threads_launch(struct worker *worker, int count)
{
	bool some = false;

	worker->threads = count; /* counted before they run */
	worker->idle = count;
	worker->low = count;
	for (int i = 0; i < count; i++)
		some = thread_launch(worker) || some;
	return some;
}

static bool worker_open(struct worker *worker, int listen_fd)
{
	const struct settings *settings = settings_acquire();
	bool done;

	worker->door = door_open(listen_fd, less_of(settings->front_threads, settings->threads));
	done = worker->door && FCGX_Init() == 0 &&
	       threads_launch(worker, less_of(settings->spare_threads, settings->threads));
	settings_release(settings);
	return done;
}

struct worker *worker_start(int listen_fd, struct service *service)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->service = service;
	worker->failure_logged_ms = -FAILURE_LOG_MS;
	worker->turned_ms = clock_mono_ms();
	worker->window_end_ms = worker->turned_ms + SHRINK_WINDOW_MS;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->ended, NULL);
	/* After an answer libfcgi waits for the peer to close: two seconds, unless told. */
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "200", 0);
	if (worker_open(worker, listen_fd))
		return worker;
	worker_free(worker);
	return NULL;
}

void worker_look(struct worker *worker, struct worker_load *out)
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
