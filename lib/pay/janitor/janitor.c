#include "pay/janitor/janitor.h"

#include "base/decimal.h"
#include "base/fault_point.h"
#include "pay/janitor/expire.h"
#include "pay/janitor/reconcile.h"
#include "pay/janitor/repair.h"
#include "pay/metrics.h"
#include "pay/refund/refund.h"

#include <stdio.h>

#define OTHERS_LATE_MS 60000 /* the service that made the hold comes first */
#define KEYS_INTERVAL_S \
	"60" /* how often old idempotency keys are dropped, by one of the janitors */
#define KEYS_BATCH "10000"

static int expire_found(struct service *service, const struct settings *settings, enum sql_id find,
			const struct expire_rules *rules)
{
	struct decimal most = decimal(settings->janitor_batch);
	struct db_step step = { .sql = find, .params = { most.text } };
	int64_t count;

	FAULT_POINT("expire_due");
	if (expire(service, &step, rules, &count) != DB_OK)
		return -1;
	metrics_add(METRIC_HOLDS_EXPIRED, count);
	return (int)count;
}

static int expire_holds(struct service *service, const struct settings *settings)
{
	struct expire_rules rules = { settings->expire_foreign, OTHERS_LATE_MS };

	return expire_found(service, settings, SQL_EXPIRE_FIND_DUE, &rules);
}

static int expire_holds_of_others(struct service *service, const struct settings *settings)
{
	struct expire_rules rules = { true, OTHERS_LATE_MS };

	if (!settings->expire_foreign)
		return 0;
	return expire_found(service, settings, SQL_EXPIRE_FIND_OTHERS, &rules);
}

static int take_orphans(struct service *service, const struct settings *settings)
{
	(void)settings;
	return reconcile_take_orphans(service) ? 0 : -1;
}

static int drop_keys(struct service *service, const struct settings *settings)
{
	int64_t taken = 0;
	struct db_step take = { .sql = SQL_TASK_TAKE, .params = { "keys", KEYS_INTERVAL_S } };
	struct db_step drop = { .sql = SQL_KEYS_DROP, .params = { KEYS_BATCH } };

	(void)settings;
	if (!db_run_statement(service->pool, &take, db_keep_rows, &taken))
		return -1;
	return taken == 0 || db_run_statement(service->pool, &drop, NULL, NULL) ? 0 : -1;
}

int janitor_round(struct service *service, const struct settings *settings)
{
	static int (*const chores[])(struct service *, const struct settings *) = {
		take_orphans,		reconcile_due, refund_send_due, expire_holds,
		expire_holds_of_others, repair_recent, repair_full,	drop_keys,
	};
	int moved = 0, done;

	for (size_t i = 0; i < sizeof(chores) / sizeof(chores[0]); i++) {
		done = chores[i](service, settings);
		if (done < 0)
			return -1;
		moved += done;
	}
	return moved;
}
