#include "fcgi/server/janitor_thread.h"

#include "base/clock.h"
#include "fcgi/server/cond.h"
#include "fcgi/server/worker.h"
#include "pay/janitor/janitor.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct rounds {
	struct service *service;
	pthread_t thread;
	unsigned int seed;
	pthread_mutex_t lock; /* what follows */
	pthread_cond_t changed;
	bool stopping;
	bool ended;
};

/* From three to five quarters of the interval: the processes of a pool, started at the same moment,
 * drift apart instead of asking for the same rows together. */
static int64_t pause_ms(struct rounds *rounds, int32_t interval_ms)
{
	return interval_ms * 3 / 4 + rand_r(&rounds->seed) % (interval_ms / 2 + 1);
}

/* False: it is to stop. */
static bool rounds_pause(struct rounds *rounds, int64_t ms)
{
	int64_t until_ms = clock_mono_ms() + ms;
	bool stopping;

	pthread_mutex_lock(&rounds->lock);
	while (!rounds->stopping && cond_wait_until(&rounds->changed, &rounds->lock, until_ms))
		;
	stopping = rounds->stopping;
	pthread_mutex_unlock(&rounds->lock);
	return !stopping;
}

static void rounds_end(struct rounds *rounds)
{
	pthread_mutex_lock(&rounds->lock);
	rounds->ended = true;
	pthread_cond_signal(&rounds->changed);
	pthread_mutex_unlock(&rounds->lock);
}

static void *rounds_run(void *argument)
{
	struct rounds *rounds = argument;
	const struct settings *settings = settings_hold();

	while (rounds_pause(rounds, pause_ms(rounds, settings->janitor_interval_ms))) {
		settings_release(settings);
		settings = settings_hold();
		janitor_round(rounds->service, settings);
	}
	settings_release(settings);
	rounds_end(rounds);
	return NULL;
}

struct rounds *rounds_start(struct service *service)
{
	struct rounds *rounds = calloc(1, sizeof(*rounds));

	if (!rounds)
		return NULL;
	rounds->service = service;
	rounds->seed = (unsigned int)getpid() ^ (unsigned int)clock_mono_us();
	pthread_mutex_init(&rounds->lock, NULL);
	pthread_cond_init(&rounds->changed, NULL);
	if (pthread_create(&rounds->thread, NULL, rounds_run, rounds) == 0)
		return rounds;
	free(rounds);
	return NULL;
}

void rounds_stop(struct rounds *rounds)
{
	pthread_mutex_lock(&rounds->lock);
	rounds->stopping = true;
	pthread_cond_signal(&rounds->changed);
	pthread_mutex_unlock(&rounds->lock);
}

bool rounds_join(struct rounds *rounds, int64_t patience_ms)
{
	int64_t until_ms = clock_mono_ms() + patience_ms;
	bool ended;

	pthread_mutex_lock(&rounds->lock);
	while (!rounds->ended && cond_wait_until(&rounds->changed, &rounds->lock, until_ms))
		;
	ended = rounds->ended;
	pthread_mutex_unlock(&rounds->lock);
	if (!ended)
		return false;
	pthread_join(rounds->thread, NULL);
	pthread_cond_destroy(&rounds->changed);
	pthread_mutex_destroy(&rounds->lock);
	free(rounds);
	return true;
}
