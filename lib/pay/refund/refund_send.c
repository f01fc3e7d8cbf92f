#include "pay/refund/refund.h"

#include "base/decimal.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "pay/gateway/gateway.h"
#include "pay/janitor/due.h"
#include "pay/lock.h"
#include "pay/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUND_REVIEW_PAUSE_S 300

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

static struct refund_facts read_refund_facts(const struct due *due, const struct locked *locked,
					     const struct db_result *look)
{
	return (struct refund_facts){
		.amount_krw = due->amount_krw,
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
	const struct due *due = context;
	struct lock_ids ids = { due->intent.text, due->reservation.text };
	struct db_step look = { .sql = SQL_REFUND_LOOK,
				.params = { due->id.text, due->reservation.text } };
	struct db_step done = { .sql = SQL_REFUND_DONE };
	struct decimal amount = decimal(due->amount_krw);
	struct refund_facts facts;
	struct locked locked;
	enum db_code code = lock_one(tx, &ids, &look, &locked);

	if (code != DB_OK)
		return code;
	FAULT_POINT("refund_locked");
	if (strcmp(db_text(look.result, 0, F_STATUS), "done") == 0)
		return DB_OK;
	facts = read_refund_facts(due, &locked, look.result);
	done.params[0] = due->id.text;
	done.params[1] = due->intent.text;
	done.params[2] = due->attempt.text;
	done.params[3] = amount.text;
	done.params[4] = refund_ends_reservation(&facts) ? locked.reservation_id : NULL;
	done.params[5] = db_text(look.result, 0, OWN_SEATS);
	done.params[6] = intent_status_name(refund_status_after(&facts));
	return db_tx_commit(tx, &done, 1);
}

static void delay_refund(struct service *service, const struct due *due,
			 const struct gateway_answer *answer)
{
	bool refused = answer->outcome == GATEWAY_DECLINED;
	struct decimal pause =
		decimal(refused ? REFUND_REVIEW_PAUSE_S : reconcile_pause_s(due->tries));
	struct db_step delay = { .sql = SQL_REFUND_DELAY,
				 .params = { due->id.text, pause.text,
					     refused ? "needs_review" : "pending", answer->code } };

	log_event(refused ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
		  refused ? "refund_refused" : "refund_delayed",
		  "refund %s of %lld won, try %d: %s", due->id.text, (long long)due->amount_krw,
		  due->tries, answer->code);
	metrics_count(METRIC_REFUNDS_DELAYED);
	db_run_statement(service->pool, &delay, NULL, NULL);
}

/* The refund's id is the gateway's key, so asking again after a doubt gives nothing back twice. */
static bool send_refund(struct service *service, const struct settings *settings,
			const struct due *due)
{
	const struct gateway *gateway = gateway_by_name(due->gateway);
	struct due item = *due;
	struct gateway_answer answer = { .outcome = GATEWAY_UNKNOWN, .code = "GATEWAY_MISSING" };
	struct gateway_refund refund = { .key = due->id,
					 .attempt = due->attempt,
					 .amount_krw = due->amount_krw,
					 .reason = due->reason };

	FAULT_POINT("refund_unsent");
	if (gateway)
		gateway->refund(settings, &refund, &answer);
	FAULT_POINT("refund_answered");
	if (answer.outcome != GATEWAY_APPROVED)
		delay_refund(service, due, &answer);
	else if (db_tx_run(service->pool, &DB_POLICY_REQUEST, refund_done_body, &item, NULL) ==
		 DB_OK)
		metrics_count(METRIC_REFUNDS_DONE);
	return true;
}

int refund_send_due(struct service *service, const struct settings *settings)
{
	return due_each(service, settings, SQL_REFUNDS_TAKE, send_refund);
}
