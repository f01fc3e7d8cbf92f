/*
 * The worker threads, which accept from one listening socket. settings->spare_threads of them are
 * kept idle: a thread that becomes busy and leaves fewer idle starts another, up to
 * settings->threads, so that an idle process stays small. On a drain each thread finishes its
 * request; an idle one ends within ACCEPT_WAIT_MS.
 */
#ifndef PAYMENTS_FCGI_SERVER_WORKER_H
#define PAYMENTS_FCGI_SERVER_WORKER_H

#include "pay/service.h"

#include <stdbool.h>

struct worker;

/* Starts the threads on `listen_fd`. The settings must be published. NULL: not even one thread
 * could be started. */
struct worker *worker_start(int listen_fd, struct service *service);

struct worker_load {
	int threads;
	int busy;   /* threads that have a connection */
	bool alive; /* the accept loop runs, or every thread is busy for less than BUSY_TURN_MS */
};

/* How busy the process is, for the status line and the watchdog. From any thread. */
void worker_load_read(struct worker *worker, struct worker_load *out);

/* Accepts no new request and waits at most `drain_ms` for those in flight. True: all are done and
 * the worker is freed. False: some still use the service, so the process must end without freeing
 * it. */
bool worker_drain(struct worker *worker, int64_t drain_ms);

#endif
