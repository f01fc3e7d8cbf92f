/*
 * The worker threads. They wait at the door of one listening socket (door.h);
 * settings->spare_threads of them are kept idle, and who leaves fewer there as he goes to work
 * starts another, up to settings->threads, so that an idle process is small. Draining: the flag is
 * seen within DOOR_PATIENCE_MS, what is in flight is finished.
 */
#ifndef PAYMENTS_FCGI_SERVER_WORKER_H
#define PAYMENTS_FCGI_SERVER_WORKER_H

#include "pay/service.h"

#include <stdbool.h>

struct worker;

/* The settings in force, kept alive until released: a reload makes a new set meanwhile. Needs one
 * published; from any thread. */
const struct settings *settings_acquire(void);
void settings_release(const struct settings *settings);
/* Puts a copy of `settings` in force. False when out of memory: the old set stays. */
bool settings_publish(const struct settings *settings);

/* Starts the pool of threads on `listen_fd`, with the settings published. NULL when not even one
 * thread could be started. */
struct worker *worker_start(int listen_fd, struct service *service);

struct worker_load {
	int threads;
	int busy;   /* of them, those that have a connection */
	bool alive; /* the accept loop turns, or every thread has had a request for no longer than
		       one may take */
};

/* How busy it is, for status and the watchdog; from any thread. */
void worker_look(struct worker *worker, struct worker_load *out);

/* Takes no new requests, waits for those in flight at most `drain_ms`. True: all done, the worker
 * is freed. False: some still run, and use the service: the process must end without freeing it. */
bool worker_drain(struct worker *worker, int64_t drain_ms);

#endif
