#define _GNU_SOURCE 1 /* pthread_cond_clockwait */

#include "fcgi/server/cond.h"

#include <time.h>

bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ms)
{
	struct timespec deadline = {
		.tv_sec = deadline_ms / 1000,
		.tv_nsec = deadline_ms % 1000 * 1000000,
	};

	return pthread_cond_clockwait(cond, lock, CLOCK_MONOTONIC, &deadline) == 0;
}
