#include "pay/janitor/reconcile.h"

#include "base/fault_point.h"
#include "base/log.h"
#include "pay/gateway/gateway.h"
#include "pay/janitor/due.h"
#include "pay/payment/intent.h"
#include "pay/payment/settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWNERS_MAX 256 /* processes looked at in a round; more wait for the next */

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
		struct db_step take = { .sql = SQL_ATTEMPTS_ORPHANED,
					.params = { owners->names[i] } };

		ok = db_run_statement(service->pool, &take, db_keep_rows, &orphans);
		if (orphans > 0)
			log_event(LOG_LEVEL_WARN, "worker_died",
				  "%lld attempts of %s, which is gone, are reconciled",
				  (long long)orphans, owners->names[i]);
	}
	free(owners);
	return ok;
}

/*
 * A gateway that knows no such key has not charged it, but only once a charge
 * that was on its way must have arrived (the horizon), and as often as that
 * gateway's word is needed. Before that it is no answer.
 */
static void judge_not_found(const struct gateway *gateway, const struct settings *settings,
			    const struct due *due, struct gateway_answer *answer)
{
	bool counts = due->age_ms > gateway->horizon_ms(settings);

	answer->outcome = GATEWAY_UNKNOWN;
	if (!counts || due->not_founds + 1 < gateway->not_founds_needed)
		return;
	answer->outcome = GATEWAY_DECLINED;
	snprintf(answer->code, sizeof(answer->code), "NOT_CHARGED");
}

static bool reconcile(struct service *service, const struct settings *settings,
		      const struct due *due)
{
	const struct gateway *gateway = gateway_by_name(due->gateway);
	struct gateway_answer answer = { .outcome = GATEWAY_UNKNOWN };
	struct gateway_query asked = { due->attempt, due->amount_krw, due->age_ms };
	struct settlement settlement = { .service = service,
					 .settings = settings,
					 .attempt = due->attempt,
					 .intent = due->intent,
					 .reservation = due->reservation,
					 .answer = &answer,
					 .policy = &DB_POLICY_REQUEST,
					 .look_ups = due->tries };
	struct db_cost cost = { .trips = 0 };
	bool settled;

	if (!gateway) {
		log_event(LOG_LEVEL_ERROR, "gateway_missing",
			  "attempt %s was made at gateway \"%s\", which this build has not",
			  due->attempt.text, due->gateway);
		snprintf(answer.code, sizeof(answer.code), "GATEWAY_MISSING");
	} else {
		FAULT_POINT("reconcile_unsent");
		gateway->reconcile(settings, &asked, &answer);
		FAULT_POINT("reconcile_answered");
		if (answer.outcome == GATEWAY_NOT_FOUND) {
			settlement.not_found = due->age_ms > gateway->horizon_ms(settings);
			judge_not_found(gateway, settings, due, &answer);
		}
	}
	settled = settle_answer(&settlement, &cost) == DB_OK;
	buf_free(&settlement.body);
	return settled;
}

int reconcile_due(struct service *service, const struct settings *settings)
{
	return due_each(service, settings, SQL_ATTEMPTS_TAKE, reconcile);
}
