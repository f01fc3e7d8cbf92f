/* The thread that makes the janitor's rounds, one a process. */
#ifndef PAYMENTS_FCGI_SERVER_JANITOR_THREAD_H
#define PAYMENTS_FCGI_SERVER_JANITOR_THREAD_H

#include "pay/service.h"

#include <stdbool.h>
#include <stdint.h>

struct rounds;

/* Starts it; needs the settings published. NULL when it could not be started. */
struct rounds *rounds_start(struct service *service);

/* Lets it begin no further round. */
void rounds_stop(struct rounds *rounds);

/* Waits at most `patience_ms` for the round under way. True: it ended, `rounds` is freed. False: it
 * still runs, and uses the service: the process must end without freeing it. */
bool rounds_join(struct rounds *rounds, int64_t patience_ms);

#endif
