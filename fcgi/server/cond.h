/* A wait with a deadline on the monotonic clock. */
#ifndef PAYMENTS_FCGI_SERVER_COND_H
#define PAYMENTS_FCGI_SERVER_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Waits on `cond`, with `lock` held. False: clock_mono_ms reached `deadline_ms`. */
bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ms);

#endif
