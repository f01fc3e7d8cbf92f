#include "pay/refund/refund.h"

#include "base/clock.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "db/statement.h"
#include "pay/gateway/gateway.h"
#include "pay/metrics.h"
#include "pay/payment/intent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATEWAY_NAME_MAX 32
#define REASON_MAX 32
#define REFUND_REVIEW_PAUSE_S 300
/* As long as a refund and its record may take; then another janitor may think this one dead. */
#define REFUND_TAKEN_MS "30000"
#define REFUND_BUDGET_MS 10000 /* of a batch: see reconcile.c */

struct refund_due {
	struct uuid refund, attempt;
	char gateway[GATEWAY_NAME_MAX];
	char reason[REASON_MAX];
	int64_t amount_krw;
	int tries; /* counts this one */
};

struct refunds_due {
	int count, most;
	struct refund_due *items;
};

static void keep_refunds(const struct db_result *r, void *context)
{
	struct refunds_due *batch = context;
	int rows = db_rows(r);

	batch->count = rows < batch->most ? rows : batch->most;
	for (int row = 0; row < batch->count; row++) {
		struct refund_due *item = &batch->items[row];

		uuid_parse(db_text(r, row, 0), &item->refund);
		uuid_parse(db_text(r, row, 1), &item->attempt);
		snprintf(item->gateway, sizeof(item->gateway), "%s", db_text(r, row, 2));
		item->amount_krw = db_integer(r, row, 3);
		snprintf(item->reason, sizeof(item->reason), "%s", db_text(r, row, 4));
		item->tries = (int)db_integer(r, row, 5);
	}
}

static enum db_code refund_done_body(struct db_tx *tx, void *context)
{
	const struct refund_due *item = context;
	struct db_step lock = { .sql = SQL_REFUND_LOCK, .params = { item->refund.text } };
	struct db_step done = { .sql = SQL_REFUND_DONE };
	enum db_code code = db_tx_trip(tx, &lock, 1);

	if (code != DB_OK)
		return code;
	FAULT_POINT("refund_locked");
	if (db_rows(lock.result) != 1 || strcmp(db_text(lock.result, 0, 3), "done") == 0)
		return DB_OK;
	done.params[0] = item->refund.text;
	done.params[1] = db_text(lock.result, 0, 0);
	done.params[2] = db_text(lock.result, 0, 1);
	done.params[3] = db_text(lock.result, 0, 2);
	done.params[4] = db_text(lock.result, 0, 4);
	done.params[5] = db_text(lock.result, 0, 5);
	return db_tx_commit(tx, &done, 1);
}

static void refund_again(struct service *service, const struct refund_due *item,
			 const struct gateway_answer *answer)
{
	bool refused = answer->outcome == GATEWAY_DECLINED;
	char pause_s[16];
	struct db_statement statement = { { .sql = SQL_REFUND_AGAIN,
					    .params = { item->refund.text, pause_s,
							refused ? "needs_review" : "pending",
							answer->code } },
					  NULL,
					  NULL };

	snprintf(pause_s, sizeof(pause_s), "%d",
		 refused ? REFUND_REVIEW_PAUSE_S : reconcile_pause_s(item->tries));
	log_event(refused ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
		  refused ? "refund_refused" : "refund_delayed",
		  "refund %s of %lld won, try %d: %s", item->refund.text,
		  (long long)item->amount_krw, item->tries, answer->code);
	metrics_count(METRIC_REFUNDS_DELAYED);
	db_statement_run(service->pool, &statement);
}

/* The refund's id is the gateway's key, so asking again after a doubt gives nothing back twice. */
static void send_refund(struct service *service, const struct settings *settings,
			struct refund_due *item)
{
	const struct gateway *gateway = gateway_by_name(item->gateway);
	struct gateway_answer answer = { .outcome = GATEWAY_UNKNOWN, .code = "GATEWAY_MISSING" };
	struct gateway_refund refund = { .key = item->refund,
					 .attempt = item->attempt,
					 .amount_krw = item->amount_krw,
					 .reason = item->reason };

	FAULT_POINT("refund_unsent");
	if (gateway)
		gateway->refund(settings, &refund, &answer);
	FAULT_POINT("refund_answered");
	if (answer.outcome != GATEWAY_APPROVED)
		refund_again(service, item, &answer);
	else if (db_tx_run(service->pool, &DB_POLICY_REQUEST, refund_done_body, item, NULL) ==
		 DB_OK)
		metrics_count(METRIC_REFUNDS_DONE);
}

int refund_send_due(struct service *service, const struct settings *settings)
{
	struct refunds_due batch = { .most = settings->janitor_batch };
	char most[16];
	struct db_statement statement = { { .sql = SQL_REFUNDS_TAKE,
					    .params = { most, REFUND_TAKEN_MS } },
					  keep_refunds,
					  &batch };
	int64_t until_ms = clock_mono_ms() + REFUND_BUDGET_MS;

	batch.items = calloc((size_t)batch.most, sizeof(*batch.items));
	if (!batch.items)
		return -1;
	snprintf(most, sizeof(most), "%d", batch.most);
	if (!db_statement_run(service->pool, &statement))
		batch.count = -1;
	for (int i = 0; i < batch.count && clock_mono_ms() <= until_ms; i++)
		send_refund(service, settings, &batch.items[i]);
	free(batch.items);
	return batch.count;
}
