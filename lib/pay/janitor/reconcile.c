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
#define RECONCILE_TAKEN_MS "30000"
/* A gateway that hangs must not keep the janitor from its other chores; the rest of a batch is
 * taken again, by whoever comes first. */
#define RECONCILE_BUDGET_MS 10000

struct owners {
	int count;
	char names[OWNERS_MAX][PROCESS_ID_MAX];
};

static void keep_dead_owners(const struct db_step *steps, void *context)
{
	struct owners *owners = context;
	int rows = db_rows(steps[0].result);

	for (int row = 0; row < rows && owners->count < OWNERS_MAX; row++) {
		const char *owner = db_text(steps[0].result, row, 0);

		if (process_id_is_dead(owner))
			snprintf(owners->names[owners->count++], PROCESS_ID_MAX, "%s", owner);
	}
}

bool reconcile_take_orphans(struct service *service)
{
	struct db_step ask = { .sql = SQL_ATTEMPTS_OWNERS };
	struct owners *owners = calloc(1, sizeof(*owners));
	bool ok;

	if (!owners)
		return false;
	ok = db_read(service->pool, &ask, 1, keep_dead_owners, owners, NULL) == DB_OK;
	for (int i = 0; ok && i < owners->count; i++) {
		int64_t orphans = 0;
		struct db_statement statement = { { .sql = SQL_ATTEMPTS_ORPHANED,
						    .params = { owners->names[i] } },
						  db_keep_rows,
						  &orphans };

		ok = db_statement_run(service->pool, &statement);
		if (orphans > 0)
			log_event(LOG_LEVEL_WARN, "worker_died",
				  "%lld attempts of %s, which is gone, are looked up",
				  (long long)orphans, owners->names[i]);
	}
	free(owners);
	return ok;
}

struct open_charge {
	struct uuid attempt, intent, reservation;
	char gateway[GATEWAY_NAME_MAX];
	int look_ups, not_founds; /* look_ups counts this one */
	int64_t age_ms, amount_krw;
};

struct charges {
	int count, most;
	struct open_charge *items;
};

static void keep_charges(const struct db_result *r, void *context)
{
	struct charges *batch = context;
	int rows = db_rows(r);

	batch->count = rows < batch->most ? rows : batch->most;
	for (int row = 0; row < batch->count; row++) {
		struct open_charge *item = &batch->items[row];

		uuid_parse(db_text(r, row, 0), &item->attempt);
		snprintf(item->gateway, sizeof(item->gateway), "%s", db_text(r, row, 1));
		item->look_ups = (int)db_integer(r, row, 2);
		item->not_founds = (int)db_integer(r, row, 3);
		item->age_ms = db_integer(r, row, 4);
		item->amount_krw = db_integer(r, row, 5);
		item->intent = db_uuid(r, row, 6);
		item->reservation = db_uuid(r, row, 7);
	}
}

/*
 * A gateway that knows no such key has not charged it, but only once a charge
 * that was on its way must have arrived (the horizon), and as often as that
 * gateway's word is needed. Before that it is no answer.
 */
static void judge_not_found(const struct gateway *gateway, const struct settings *settings,
			    const struct open_charge *item, struct gateway_answer *answer)
{
	bool counts = item->age_ms > gateway->horizon_ms(settings);

	answer->outcome = GATEWAY_UNKNOWN;
	if (!counts || item->not_founds + 1 < gateway->not_founds_needed)
		return;
	answer->outcome = GATEWAY_DECLINED;
	snprintf(answer->code, sizeof(answer->code), "NOT_CHARGED");
}

/* False where the database did not take it: the rest of the batch waits as well. */
static bool reconcile(struct service *service, const struct settings *settings,
		      const struct open_charge *item)
{
	const struct gateway *gateway = gateway_by_name(item->gateway);
	struct gateway_answer answer = { .outcome = GATEWAY_UNKNOWN };
	struct gateway_query asked = { item->attempt, item->amount_krw, item->age_ms };
	struct settlement settlement = { .service = service,
					 .settings = settings,
					 .attempt = item->attempt,
					 .intent = item->intent,
					 .reservation = item->reservation,
					 .answer = &answer,
					 .policy = &DB_POLICY_REQUEST,
					 .look_ups = item->look_ups };
	struct db_cost cost = { .trips = 0 };
	bool settled;

	if (!gateway) {
		log_event(LOG_LEVEL_ERROR, "gateway_missing",
			  "attempt %s was made at gateway \"%s\", which this build has not",
			  item->attempt.text, item->gateway);
		snprintf(answer.code, sizeof(answer.code), "GATEWAY_MISSING");
	} else {
		FAULT_POINT("reconcile_unsent");
		gateway->reconcile(settings, &asked, &answer);
		FAULT_POINT("reconcile_answered");
		if (answer.outcome == GATEWAY_NOT_FOUND) {
			settlement.not_found = item->age_ms > gateway->horizon_ms(settings);
			judge_not_found(gateway, settings, item, &answer);
		}
	}
	settled = settle_answer(&settlement, &cost) == DB_OK;
	buf_free(&settlement.body);
	return settled;
}

int reconcile_due(struct service *service, const struct settings *settings)
{
	struct charges batch = { .most = settings->janitor_batch };
	char most[16];
	struct db_statement statement = { { .sql = SQL_ATTEMPTS_TAKE,
					    .params = { most, RECONCILE_TAKEN_MS } },
					  keep_charges,
					  &batch };
	int64_t until_ms = clock_mono_ms() + RECONCILE_BUDGET_MS;

	batch.items = calloc((size_t)batch.most, sizeof(*batch.items));
	if (!batch.items)
		return -1;
	snprintf(most, sizeof(most), "%d", batch.most);
	if (!db_statement_run(service->pool, &statement))
		batch.count = -1;
	for (int i = 0; i < batch.count; i++)
		if (clock_mono_ms() > until_ms || !reconcile(service, settings, &batch.items[i]))
			break;
	free(batch.items);
	return batch.count;
}
