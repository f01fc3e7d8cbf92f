#include "pay/janitor/reconcile.h"

#include "base/clock.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "db/statement.h"
#include "pay/gateway/gateway.h"
#include "pay/payment/intent.h"
#include "pay/payment/settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATEWAY_NAME_MAX 32
#define OWNERS_MAX 256 /* processes looked at in a round; more wait for the next */
/* As long as a look-up and its record may take; then another janitor may think this one dead. */
#define LOOK_UP_TAKEN_MS "30000"
/* A gateway that hangs must not keep the janitor from its other chores; the rest of a batch is
 * taken again, by whoever comes first. */
#define LOOK_UP_BUDGET_MS 10000

struct owners {
	int count;
	char names[OWNERS_MAX][OWNER_MAX];
};

static void keep_dead_owners(const struct db_step *steps, void *context)
{
	struct owners *owners = context;
	int rows = db_rows(steps[0].result);

	for (int row = 0; row < rows && owners->count < OWNERS_MAX; row++) {
		const char *owner = db_text(steps[0].result, row, 0);

		if (owner_is_dead(owner))
			snprintf(owners->names[owners->count++], OWNER_MAX, "%s", owner);
	}
}

bool look_up_take_orphans(struct service *service)
{
	struct db_step ask = { .sql = SQL_ATTEMPTS_OWNERS };
	struct owners *owners = calloc(1, sizeof(*owners));
	bool ok;

	if (!owners)
		return false;
	ok = db_read(service->pool, &ask, 1, keep_dead_owners, owners, NULL) == DB_OK;
	for (int i = 0; ok && i < owners->count; i++) {
		int64_t orphans = 0;
		struct job job = { { .sql = SQL_ATTEMPTS_ORPHANED, .params = { owners->names[i] } },
				   job_keep_rows,
				   &orphans };

		ok = job_run(service, &job);
		if (orphans > 0)
			log_event(LOG_LEVEL_WARN, "worker_died",
				  "%lld attempts of %s, which is gone, are looked up",
				  (long long)orphans, owners->names[i]);
	}
	free(owners);
	return ok;
}

struct look_up {
	struct uuid attempt;
	char gateway[GATEWAY_NAME_MAX];
	int look_ups, not_founds; /* look_ups counts this one */
	int64_t age_ms, amount_krw;
};

struct look_ups {
	int count, most;
	struct look_up *items;
};

static void keep_look_ups(const struct db_result *r, void *context)
{
	struct look_ups *batch = context;
	int rows = db_rows(r);

	batch->count = rows < batch->most ? rows : batch->most;
	for (int row = 0; row < batch->count; row++) {
		struct look_up *item = &batch->items[row];

		uuid_parse(db_text(r, row, 0), &item->attempt);
		snprintf(item->gateway, sizeof(item->gateway), "%s", db_text(r, row, 1));
		item->look_ups = (int)db_integer(r, row, 2);
		item->not_founds = (int)db_integer(r, row, 3);
		item->age_ms = db_integer(r, row, 4);
		item->amount_krw = db_integer(r, row, 5);
	}
}

/*
 * A gateway that knows no such key has not charged it, but only once a charge
 * that was on its way must have arrived (the horizon), and as often as that
 * gateway's word is needed. Before that it is no answer.
 */
static void judge_not_found(const struct gateway *gateway, const struct settings *settings,
			    const struct look_up *item, struct gateway_answer *answer)
{
	bool counts = item->age_ms > gateway->horizon_ms(settings);

	answer->outcome = GATEWAY_UNKNOWN;
	if (!counts || item->not_founds + 1 < gateway->not_founds_needed)
		return;
	answer->outcome = GATEWAY_DECLINED;
	snprintf(answer->code, sizeof(answer->code), "NOT_CHARGED");
}

/* False where the database did not take it: the rest of the batch waits as well. */
static bool look_up(struct service *service, const struct settings *settings,
		    const struct look_up *item)
{
	const struct gateway *gateway = gateway_by_name(item->gateway);
	struct gateway_answer answer = { .outcome = GATEWAY_UNKNOWN };
	struct gateway_look_up asked = { item->attempt, item->amount_krw, item->age_ms };
	struct record record = { .attempt = item->attempt,
				 .answer = &answer,
				 .settings = settings,
				 .policy = &DB_POLICY_REQUEST,
				 .look_ups = item->look_ups };
	bool recorded;

	if (!gateway) {
		log_event(LOG_LEVEL_ERROR, "gateway_missing",
			  "attempt %s was made at gateway \"%s\", which this build has not",
			  item->attempt.text, item->gateway);
		snprintf(answer.code, sizeof(answer.code), "GATEWAY_MISSING");
	} else {
		FAULT_POINT("look_up_unsent");
		gateway->look_up(settings, &asked, &answer);
		FAULT_POINT("look_up_answered");
		if (answer.outcome == GATEWAY_NOT_FOUND) {
			record.not_found = item->age_ms > gateway->horizon_ms(settings);
			judge_not_found(gateway, settings, item, &answer);
		}
	}
	recorded = record_answer(service, &record, NULL) == DB_OK;
	buf_free(&record.body);
	return recorded;
}

int look_up_due(struct service *service, const struct settings *settings)
{
	struct look_ups batch = { .most = settings->janitor_batch };
	char most[16];
	struct job job = { { .sql = SQL_ATTEMPTS_TAKE, .params = { most, LOOK_UP_TAKEN_MS } },
			   keep_look_ups,
			   &batch };
	int64_t until_ms = clock_mono_ms() + LOOK_UP_BUDGET_MS;

	batch.items = calloc((size_t)batch.most, sizeof(*batch.items));
	if (!batch.items)
		return -1;
	snprintf(most, sizeof(most), "%d", batch.most);
	if (!job_run(service, &job))
		batch.count = -1;
	for (int i = 0; i < batch.count; i++)
		if (clock_mono_ms() > until_ms || !look_up(service, settings, &batch.items[i]))
			break;
	free(batch.items);
	return batch.count;
}
