#include "pay/janitor/janitor.h"

#include "base/fault_point.h"
#include "db/statement.h"
#include "pay/janitor/reconcile.h"
#include "pay/janitor/repair.h"
#include "pay/metrics.h"
#include "pay/refund/refund.h"

#include <stdio.h>

#define KEYS_INTERVAL_S \
	"60" /* how often old idempotency keys are dropped, by one of the janitors */
#define KEYS_BATCH "10000"

static int expire(struct service *service, const struct settings *settings, enum sql_id sql,
		  const char *foreign)
{
	int64_t count = 0;
	char most[16];
	struct db_statement statement = { { .sql = sql, .params = { most, foreign } },
					  db_keep_integer,
					  &count };

	snprintf(most, sizeof(most), "%d", settings->janitor_batch);
	FAULT_POINT("expire_due");
	if (!db_statement_run(service->pool, &statement))
		return -1;
	metrics_add(METRIC_HOLDS_EXPIRED, count);
	return (int)count;
}

static int expire_holds(struct service *service, const struct settings *settings)
{
	return expire(service, settings, SQL_EXPIRE_DUE,
		      settings->expire_foreign ? "true" : "false");
}

static int expire_foreign_holds(struct service *service, const struct settings *settings)
{
	return settings->expire_foreign ? expire(service, settings, SQL_EXPIRE_FOREIGN, NULL) : 0;
}

static int take_orphans(struct service *service, const struct settings *settings)
{
	(void)settings;
	return reconcile_take_orphans(service) ? 0 : -1;
}

static int drop_keys(struct service *service, const struct settings *settings)
{
	int64_t taken = 0;
	struct db_statement take = { { .sql = SQL_TASK_TAKE,
				       .params = { "keys", KEYS_INTERVAL_S } },
				     db_keep_rows,
				     &taken };
	struct db_statement drop = { { .sql = SQL_KEYS_DROP, .params = { KEYS_BATCH } },
				     NULL,
				     NULL };

	(void)settings;
	if (!db_statement_run(service->pool, &take))
		return -1;
	return taken == 0 || db_statement_run(service->pool, &drop) ? 0 : -1;
}

int janitor_round(struct service *service, const struct settings *settings)
{
	static int (*const chores[])(struct service *, const struct settings *) = {
		take_orphans,	      reconcile_due, refund_send_due, expire_holds,
		expire_foreign_holds, repair_recent, repair_full,     drop_keys,
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
