#include "base/fault_point.h"

#include "base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 64
#define ACTION_MAX_BYTES 16

static struct {
	bool is_set;
	char name[NAME_MAX_BYTES];
	unsigned nth;
	char action[ACTION_MAX_BYTES];
} plan;

static pthread_once_t plan_once = PTHREAD_ONCE_INIT;
static atomic_uint hits;

/* Aborts on a bad plan: without its fault, a test would pass. */
static void plan_read(void)
{
	const char *text = getenv("FAULT_POINT");

	if (!text)
		return;
	if (sscanf(text, "%63[^:]:%u:%15s", plan.name, &plan.nth, plan.action) != 3) {
		fprintf(stderr, "FAULT_POINT is not point:hit:action\n");
		abort();
	}
	plan.is_set = true;
}

void fault_point_hit(const char *name)
{
	pthread_once(&plan_once, plan_read);
	if (!plan.is_set || strcmp(plan.name, name) != 0 ||
	    atomic_fetch_add(&hits, 1) + 1 != plan.nth)
		return;
	if (strcmp(plan.action, "kill") == 0)
		raise(SIGKILL);
	else if (strcmp(plan.action, "stop") == 0)
		raise(SIGSTOP);
	else
		clock_sleep_ms(strtol(plan.action, NULL, 10));
}
