#include "pay/refund/refund.h"

#include "base/clock.h"
#include "base/decimal.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "db/statement.h"
#include "pay/gateway/gateway.h"
#include "pay/lock.h"
#include "pay/metrics.h"

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
	struct uuid refund, attempt, intent, reservation;
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
		item->intent = db_uuid(r, row, 6);
		item->reservation = db_uuid(r, row, 7);
	}
}

/* Columns of refund_look; then row_counts. */
enum look_column { F_STATUS, OTHERS_DONE_KRW, OTHERS_OPEN, OWN_SEATS };

/* The reservation ends with the last of its charge, if this intent confirmed it. */
bool refund_ends_reservation(const struct refund_facts *f)
{
	return f->was_settled && f->is_confirmed &&
	       f->charged_krw == f->others_done_krw + f->amount_krw;
}

enum intent_status refund_status_after(const struct refund_facts *f)
{
	bool is_last = f->refund_krw == f->charged_krw && !f->others_open;

	return f->intent_status == INTENT_REFUND_PENDING && is_last ? INTENT_REFUNDED
								    : f->intent_status;
}

static bool is_confirmed(const struct locked *locked)
{
	return locked->reservation_id && locked->status && locked->payment_status &&
	       strcmp(locked->status, "confirmed") == 0 &&
	       strcmp(locked->payment_status, "completed") == 0;
}

static struct refund_facts read_refund_facts(const struct refund_due *item,
					     const struct locked *locked,
					     const struct db_result *look)
{
	return (struct refund_facts){
		.amount_krw = item->amount_krw,
		.others_done_krw = db_integer(look, 0, OTHERS_DONE_KRW),
		.others_open = db_boolean(look, 0, OTHERS_OPEN),
		.intent_status = locked->intent_status,
		.charged_krw = locked->charged_krw,
		.refund_krw = locked->refund_krw,
		.was_settled = locked->was_settled,
		.is_confirmed = is_confirmed(locked),
	};
}

static enum db_code refund_done_body(struct db_tx *tx, void *context)
{
	const struct refund_due *item = context;
	struct lock_ids ids = { item->intent.text, item->reservation.text };
	struct db_step look = { .sql = SQL_REFUND_LOOK,
				.params = { item->refund.text, item->reservation.text } };
	struct db_step done = { .sql = SQL_REFUND_DONE };
	struct decimal amount = decimal(item->amount_krw);
	struct refund_facts facts;
	struct locked locked;
	enum db_code code = lock_one(tx, &ids, &look, &locked);

	if (code != DB_OK)
		return code;
	FAULT_POINT("refund_locked");
	if (strcmp(db_text(look.result, 0, F_STATUS), "done") == 0)
		return DB_OK;
	facts = read_refund_facts(item, &locked, look.result);
	done.params[0] = item->refund.text;
	done.params[1] = item->intent.text;
	done.params[2] = item->attempt.text;
	done.params[3] = amount.text;
	done.params[4] = refund_ends_reservation(&facts) ? locked.reservation_id : NULL;
	done.params[5] = db_text(look.result, 0, OWN_SEATS);
	done.params[6] = intent_status_name(refund_status_after(&facts));
	return db_tx_commit(tx, &done, 1);
}

static void delay_refund(struct service *service, const struct refund_due *item,
			 const struct gateway_answer *answer)
{
	bool refused = answer->outcome == GATEWAY_DECLINED;
	char pause_s[16];
	struct db_statement statement = { { .sql = SQL_REFUND_DELAY,
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
		delay_refund(service, item, &answer);
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
