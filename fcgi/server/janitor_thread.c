#include "fcgi/server/janitor_thread.h"

#include "base/clock.h"
#include "fcgi/server/cond.h"
#include "fcgi/server/settings_live.h"
#include "pay/janitor/janitor.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct janitor_thread {
	struct service *service;
	pthread_t thread;
	unsigned int seed;
	pthread_mutex_t lock; /* protects what follows */
	pthread_cond_t changed;
	bool stopping;
	bool ended;
};

/* 75 % to 125 % of the interval, at random: processes that started together drift apart and do not
 * compete for the same rows. */
static int64_t pause_ms(struct janitor_thread *janitor_thread, int32_t interval_ms)
{
	return interval_ms * 3 / 4 + rand_r(&janitor_thread->seed) % (interval_ms / 2 + 1);
}

/* Waits at most `ms` for *flag. Returns its value. */
static bool flag_wait(struct janitor_thread *janitor_thread, const bool *flag, int64_t ms)
{
	int64_t until_ms = clock_mono_ms() + ms;
	bool raised;

	pthread_mutex_lock(&janitor_thread->lock);
	while (!*flag && cond_wait_until(&janitor_thread->changed, &janitor_thread->lock, until_ms))
		;
	raised = *flag;
	pthread_mutex_unlock(&janitor_thread->lock);
	return raised;
}

static void flag_raise(struct janitor_thread *janitor_thread, bool *flag)
{
	pthread_mutex_lock(&janitor_thread->lock);
	*flag = true;
	pthread_cond_signal(&janitor_thread->changed);
	pthread_mutex_unlock(&janitor_thread->lock);
}

static void *janitor_thread_run(void *argument)
{
	struct janitor_thread *janitor_thread = argument;
	const struct settings *settings = settings_acquire();

	while (!flag_wait(janitor_thread, &janitor_thread->stopping,
			  pause_ms(janitor_thread, settings->janitor_interval_ms))) {
		settings_release(settings);
		settings = settings_acquire();
		janitor_round(janitor_thread->service, settings);
	}
	settings_release(settings);
	flag_raise(janitor_thread, &janitor_thread->ended);
	return NULL;
}

struct janitor_thread *janitor_thread_start(struct service *service)
{
	struct janitor_thread *janitor_thread = calloc(1, sizeof(*janitor_thread));

	if (!janitor_thread)
		return NULL;
	janitor_thread->service = service;
	janitor_thread->seed = (unsigned int)getpid() ^ (unsigned int)clock_mono_us();
	pthread_mutex_init(&janitor_thread->lock, NULL);
	pthread_cond_init(&janitor_thread->changed, NULL);
	if (pthread_create(&janitor_thread->thread, NULL, janitor_thread_run, janitor_thread) == 0)
		return janitor_thread;
	free(janitor_thread);
	return NULL;
}

void janitor_thread_stop(struct janitor_thread *janitor_thread)
{
	flag_raise(janitor_thread, &janitor_thread->stopping);
}

bool janitor_thread_join(struct janitor_thread *janitor_thread, int64_t patience_ms)
{
	if (!flag_wait(janitor_thread, &janitor_thread->ended, patience_ms))
		return false;
	pthread_join(janitor_thread->thread, NULL);
	pthread_cond_destroy(&janitor_thread->changed);
	pthread_mutex_destroy(&janitor_thread->lock);
	free(janitor_thread);
	return true;
}
