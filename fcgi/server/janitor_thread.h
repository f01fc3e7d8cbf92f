/* The thread that makes the janitor's janitor_thread, one a process. */
#ifndef PAYMENTS_FCGI_SERVER_JANITOR_THREAD_H
#define PAYMENTS_FCGI_SERVER_JANITOR_THREAD_H

#include "pay/service.h"

#include <stdbool.h>
#include <stdint.h>

struct janitor_thread;

/* Starts it; needs the settings published. NULL when it could not be started. */
struct janitor_thread *janitor_thread_start(struct service *service);

/* Lets it begin no further round. */
void janitor_thread_stop(struct janitor_thread *janitor_thread);

/* Waits at most `patience_ms` for the round under way. True: it ended, `janitor_thread` is freed.
 * False: it still runs, and uses the service: the process must end without freeing it. */
bool janitor_thread_join(struct janitor_thread *janitor_thread, int64_t patience_ms);

#endif
