#define _GNU_SOURCE 1 /* rand_r */

#include "faults.h"

#include "member.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANCES_MAX 64

struct wish {
	struct wish *next;
	enum operation operation;
	char order_id[128], payment_key[256];
	int times; /* left; -1: for ever */
	struct fault fault;
};

static struct {
	enum operation operation;
	double chance;
	struct fault fault;
} chances[CHANCES_MAX];
static int chance_count;
static unsigned int seed;
static struct wish *wishes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const struct fault none = { "none", DONE_FIRST, 0, SHOW_ANSWER, 0, "" };

static const struct fault kinds[] = {
	{ "decline", DONE_NEVER, 0, SHOW_CODE, 400, "REJECT_CARD_PAYMENT" },
	{ "charge_hang", DONE_FIRST, 60000, SHOW_NOTHING, 0, "" },
	{ "hang_charge", DONE_LAST, 25000, SHOW_ANSWER, 0, "" },
	{ "hang", DONE_NEVER, 60000, SHOW_NOTHING, 0, "" },
	{ "charge_500", DONE_FIRST, 0, SHOW_CODE, 500, "FAILED_INTERNAL_SYSTEM_PROCESSING" },
	{ "500", DONE_NEVER, 0, SHOW_CODE, 500, "FAILED_INTERNAL_SYSTEM_PROCESSING" },
	{ "reset_before", DONE_NEVER, 0, SHOW_RESET, 0, "" },
	{ "reset_after", DONE_FIRST, 0, SHOW_RESET, 0, "" },
	{ "processing", DONE_NEVER, 0, SHOW_CODE, 409, "IDEMPOTENT_REQUEST_PROCESSING" },
	{ "charge_processing", DONE_FIRST, 0, SHOW_CODE, 409, "IDEMPOTENT_REQUEST_PROCESSING" },
	{ "duplicate", DONE_NEVER, 0, SHOW_CODE, 400, "DUPLICATED_ORDER_ID" },
	{ "charge_duplicate", DONE_FIRST, 0, SHOW_CODE, 400, "DUPLICATED_ORDER_ID" },
	{ "already", DONE_FIRST, 0, SHOW_CODE, 400, "ALREADY_PROCESSED_PAYMENT" },
	{ "provider_error", DONE_NEVER, 0, SHOW_CODE, 400, "PROVIDER_ERROR" },
	{ "charge_provider_error", DONE_FIRST, 0, SHOW_CODE, 400, "PROVIDER_ERROR" },
	{ "slow", DONE_LAST, 2000, SHOW_ANSWER, 0, "" },
	{ "rubbish", DONE_FIRST, 0, SHOW_RUBBISH, 0, "" },
	{ "rubbish_before", DONE_NEVER, 0, SHOW_RUBBISH, 0, "" },
	{ "cut", DONE_FIRST, 0, SHOW_CUT, 0, "" },
	{ "truncated", DONE_FIRST, 0, SHOW_BROKEN_JSON, 0, "" },
	{ "other_order", DONE_FIRST, 0, SHOW_OTHER_ORDER, 0, "" },
	{ "429", DONE_NEVER, 0, SHOW_CODE, 429, "TOO_MANY_REQUESTS" },
	{ "401", DONE_NEVER, 0, SHOW_CODE, 401, "UNAUTHORIZED_KEY" },
	{ "code", DONE_NEVER, 0, SHOW_CODE, 400, "UNKNOWN" },
};

static bool kind_find(const char *name, struct fault *out)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0) {
			*out = kinds[i];
			return true;
		}
	return false;
}

static bool operation_find(const char *name, size_t length, enum operation *out)
{
	static const char *const names[] = { "confirm", "lookup", "cancel", "any" };

	for (int i = 0; i <= ON_ANY; i++)
		if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0) {
			*out = (enum operation)i;
			return true;
		}
	return false;
}

static bool wish_matches(const struct wish *wish, enum operation operation, const char *order_id,
			 const char *payment_key)
{
	return wish->times != 0 && (wish->operation == ON_ANY || wish->operation == operation) &&
	       (!*wish->order_id || strcmp(wish->order_id, order_id) == 0) &&
	       (!*wish->payment_key || strcmp(wish->payment_key, payment_key) == 0);
}

/* One draw for every request, so that a seed gives the same sequence. */
static struct fault draw(enum operation operation)
{
	double drawn = rand_r(&seed) / ((double)RAND_MAX + 1);

	for (int i = 0; i < chance_count; i++) {
		if (chances[i].operation != ON_ANY && chances[i].operation != operation)
			continue;
		if (drawn < chances[i].chance)
			return chances[i].fault;
		drawn -= chances[i].chance;
	}
	return none;
}

struct fault fault_take(enum operation operation, const char *order_id, const char *payment_key)
{
	struct fault fault = none;
	struct wish *wish;

	pthread_mutex_lock(&lock);
	for (wish = wishes; wish; wish = wish->next)
		if (wish_matches(wish, operation, order_id, payment_key))
			break;
	if (wish) {
		fault = wish->fault;
		wish->times -= wish->times > 0;
	} else if (chance_count > 0) {
		fault = draw(operation);
	}
	pthread_mutex_unlock(&lock);
	return fault;
}

static void fault_adjust(struct fault *fault, const cJSON *json)
{
	fault->delay_ms = (int)member_number(json, "ms", fault->delay_ms);
	fault->http = (int)member_number(json, "http", fault->http);
	if (*member_text(json, "code"))
		snprintf(fault->code, sizeof(fault->code), "%s", member_text(json, "code"));
}

bool fault_ask(const cJSON *json)
{
	const char *on = *member_text(json, "on") ? member_text(json, "on") : "any";
	struct wish *wish = calloc(1, sizeof(*wish)), **place = &wishes;

	if (!wish || !kind_find(member_text(json, "fault"), &wish->fault) ||
	    !operation_find(on, strlen(on), &wish->operation)) {
		free(wish);
		return false;
	}
	fault_adjust(&wish->fault, json);
	snprintf(wish->order_id, sizeof(wish->order_id), "%s", member_text(json, "orderId"));
	snprintf(wish->payment_key, sizeof(wish->payment_key), "%s",
		 member_text(json, "paymentKey"));
	wish->times = (int)member_number(json, "times", 1);
	if (wish->times == 0)
		wish->times = -1;
	pthread_mutex_lock(&lock);
	while (*place)
		place = &(*place)->next;
	*place = wish;
	pthread_mutex_unlock(&lock);
	return true;
}

bool fault_chance(const cJSON *json)
{
	const cJSON *one;
	bool good = true;

	pthread_mutex_lock(&lock);
	chance_count = 0;
	seed = (unsigned int)member_number(json, "seed", 1);
	cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(json, "faults"))
	{
		const char *colon = strchr(one->string, ':');

		good = good && chance_count < CHANCES_MAX && colon && cJSON_IsNumber(one) &&
		       operation_find(one->string, (size_t)(colon - one->string),
				      &chances[chance_count].operation) &&
		       kind_find(colon + 1, &chances[chance_count].fault);
		if (!good)
			break;
		fault_adjust(&chances[chance_count].fault, json);
		chances[chance_count++].chance = one->valuedouble;
	}
	pthread_mutex_unlock(&lock);
	return good;
}

void fault_clear(void)
{
	pthread_mutex_lock(&lock);
	while (wishes) {
		struct wish *wish = wishes;

		wishes = wish->next;
		free(wish);
	}
	chance_count = 0;
	pthread_mutex_unlock(&lock);
}
