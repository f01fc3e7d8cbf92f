/* A wait with a deadline on the monotonic clock. */
#ifndef PAYMENTS_FCGI_SERVER_COND_H
#define PAYMENTS_FCGI_SERVER_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Waits on `cond` (`lock` held) until signalled, or clock_mono_ms reaches `deadline_ms`: then
 * false. */
bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ms);

#endif
