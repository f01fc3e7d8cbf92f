#include "fcgi/server/settings_live.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct live_set {
	struct settings settings; /* first: a pointer to it is a pointer to its set */
	int holders;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct live_set *in_force;

const struct settings *settings_acquire(void)
{
	struct live_set *set;

	pthread_mutex_lock(&lock);
	set = in_force;
	assert(set);
	set->holders++;
	pthread_mutex_unlock(&lock);
	return &set->settings;
}

void settings_release(const struct settings *settings)
{
	struct live_set *set = (struct live_set *)settings;
	bool last;

	pthread_mutex_lock(&lock);
	last = --set->holders == 0;
	pthread_mutex_unlock(&lock);
	if (last) {
		explicit_bzero(&set->settings, sizeof(set->settings));
		free(set);
	}
}

bool settings_publish(const struct settings *settings)
{
	struct live_set *set = malloc(sizeof(*set));
	struct live_set *old;

	if (!set)
		return false;
	set->settings = *settings;
	set->holders = 1;
	pthread_mutex_lock(&lock);
	old = in_force;
	in_force = set;
	pthread_mutex_unlock(&lock);
	if (old)
		settings_release(&old->settings);
	return true;
}
