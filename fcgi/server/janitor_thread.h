/* The thread that runs the rounds of the janitor, one in each process. */
#ifndef PAYMENTS_FCGI_SERVER_JANITOR_THREAD_H
#define PAYMENTS_FCGI_SERVER_JANITOR_THREAD_H

#include "pay/service.h"

#include <stdbool.h>
#include <stdint.h>

struct janitor_thread;

/* The settings must be published. NULL: the thread could not be started. */
struct janitor_thread *janitor_thread_start(struct service *service);

/* No further round begins after this call. */
void janitor_thread_stop(struct janitor_thread *janitor_thread);

/* Waits at most `patience_ms` for the current round. True: it ended, and `janitor_thread` is freed.
 * False: it still uses the service, so the process must end without freeing it. */
bool janitor_thread_join(struct janitor_thread *janitor_thread, int64_t patience_ms);

#endif
