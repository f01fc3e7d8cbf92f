#include "pay/payment/settle.h"

#include "base/decimal.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "pay/metrics.h"
#include "pay/payment/settle_row.h"
#include "pay/payment/together.h"

#include <assert.h>
#include <string.h>

/* An intent may only become what the transition table allows: anything else is our bug. */
static const char *becomes(const struct record_row *row, enum intent_status next)
{
	assert(intent_may_become(row->facts.intent_status, next));
	return intent_status_name(next);
}

static enum db_code settle(struct db_tx *tx, const struct record *record,
			   const struct record_row *row, bool retake)
{
	struct decimal amount = decimal(row->answer.amount_krw), http = decimal(record->http);
	struct db_step step = {
		.sql = SQL_RECORD_SETTLE,
		.params = { record->attempt.text, row->intent_id, row->reservation_id,
			    row->answer.payment_method, row->seat_ids, amount.text, row->user_id,
			    row->operation, row->idempotency_key, http.text,
			    buf_text(&record->body), retake ? "available" : "locked",
			    row->answer.at, row->answer.request_id,
			    retake ? "retaken" : "settled" },
	};

	becomes(row, INTENT_SUCCEEDED);
	return db_tx_commit(tx, &step, 1);
}

/* The intent turns to refund_pending unless another attempt of it holds or may hold the
 * reservation. */
static const char *status_after_loss(const struct record_row *row)
{
	enum intent_status now = row->facts.intent_status;

	if (now == INTENT_SUCCEEDED ||
	    (!row->facts.is_latest && (now == INTENT_PROCESSING || now == INTENT_UNKNOWN)))
		return intent_status_name(now);
	return becomes(row, INTENT_REFUND_PENDING);
}

static enum db_code refund(struct db_tx *tx, const struct record *record,
			   const struct record_row *row, const char *reason)
{
	struct decimal amount = decimal(row->answer.amount_krw), http = decimal(record->http);
	struct uuid refund_id = uuid_new();
	struct db_step step = {
		.sql = SQL_RECORD_REFUND,
		.params = { record->attempt.text, row->intent_id, refund_id.text, reason,
			    status_after_loss(row), amount.text, row->user_id, row->operation,
			    row->idempotency_key, http.text, buf_text(&record->body),
			    row->answer.at, row->answer.request_id },
	};

	log_event(LOG_LEVEL_WARN, "reservation_lost",
		  "attempt %s was charged, but the reservation is lost (%s): refund %s",
		  record->attempt.text, reason, refund_id.text);
	return db_tx_commit(tx, &step, 1);
}

/* What a declined intent becomes: payable again, unless its reservation ended meanwhile. */
static enum intent_status status_after_decline(enum reservation_state reservation)
{
	switch (reservation) {
	case RESERVATION_PENDING:
		return INTENT_REQUIRES_PAYMENT;
	case RESERVATION_LAPSED:
		return INTENT_EXPIRED;
	default:
		return INTENT_CANCELLED;
	}
}

static enum db_code decline(struct db_tx *tx, const struct record *record,
			    const struct record_row *row, const struct gateway_answer *answer)
{
	struct decimal http = decimal(record->http),
		       grace = decimal(record->settings->decline_grace_s),
		       grace_max = decimal(record->settings->decline_grace_max_s);
	struct db_step step = {
		.sql = SQL_RECORD_DECLINE,
		.params = { record->attempt.text, row->intent_id, row->reservation_id,
			    row->answer.at,
			    becomes(row, status_after_decline(row->facts.reservation)),
			    answer->code, answer->message, row->user_id, row->operation,
			    row->idempotency_key, http.text, buf_text(&record->body),
			    row->answer.request_id, grace.text, grace_max.text },
	};

	return db_tx_commit(tx, &step, 1);
}

static enum db_code cancel(struct db_tx *tx, const struct record *record,
			   const struct record_row *row, const struct gateway_answer *answer)
{
	struct decimal http = decimal(record->http);
	struct db_step step = {
		.sql = SQL_RECORD_CANCEL,
		.params = { record->attempt.text, row->intent_id, row->reservation_id,
			    row->answer.at, row->seat_ids, answer->code, answer->message,
			    row->user_id, row->operation, row->idempotency_key, http.text,
			    buf_text(&record->body), row->answer.request_id },
	};

	becomes(row, INTENT_FAILED);
	return db_tx_commit(tx, &step, 1);
}

static enum db_code unknown(struct db_tx *tx, const struct record *record,
			    const struct record_row *row)
{
	const struct gateway *gateway = gateway_by_name(row->gateway);
	struct decimal pause = decimal(reconcile_pause_s(record->look_ups)),
		       not_founds = decimal(record->not_found ? 1 : 0),
		       lease = decimal(gateway ? gateway->lease_ms(record->settings) : 0);
	struct db_step step = {
		.sql = SQL_RECORD_UNKNOWN,
		.params = { record->attempt.text, row->intent_id, row->reservation_id,
			    record->answer->code, pause.text, not_founds.text,
			    row->answer.request_id, lease.text },
	};

	becomes(row, INTENT_UNKNOWN);
	return db_tx_commit(tx, &step, 1);
}

static void answer_unknown(struct record *record, const struct record_row *row)
{
	record->status = STATUS_PAYMENT_RESULT_UNKNOWN;
	record->http = payment_answer_unknown(&record->body, row->answer.language,
					      row->answer.request_id, row->intent_id);
}

static void answer_declined(struct record *record, const struct record_row *row, const char *code,
			    const char *message)
{
	record->status = row->facts.is_execute ? STATUS_OK : STATUS_PAYMENT_DECLINED;
	record->http = payment_answer_declined(&record->body, &row->answer, code, message);
}

static void answer_lost(struct record *record, const struct record_row *row)
{
	record->status = STATUS_RESERVATION_LOST;
	record->http = payment_answer_lost(&record->body, &row->answer);
}

static void answer_paid(struct record *record, const struct record_row *row)
{
	record->status = STATUS_OK;
	record->http = payment_answer_paid(&record->body, &row->answer);
}

/* Somebody (a janitor, or our own run before a doubtful COMMIT) recorded it: answer what stands. */
static void answer_standing(struct record *record, struct record_row *row,
			    const struct db_result *attempt)
{
	const char *status = db_text(attempt, 0, 0), *code = db_text(attempt, 0, 1),
		   *message = db_text(attempt, 0, 2);

	if (db_text(attempt, 0, 3))
		row->answer.at = db_text(attempt, 0, 3);
	if (strcmp(status, "declined") == 0)
		answer_declined(record, row, code ? code : "", message ? message : "");
	else if (strcmp(status, "approved") != 0)
		answer_unknown(record, row);
	else if (row->facts.is_latest && row->facts.intent_status == INTENT_SUCCEEDED)
		answer_paid(record, row);
	else
		answer_lost(record, row);
}

static enum db_code carry_out(struct db_tx *tx, struct record *record, struct record_row *row,
			      enum record_action action)
{
	switch (action) {
	case RECORD_SETTLE:
	case RECORD_RETAKE:
		answer_paid(record, row);
		return settle(tx, record, row, action == RECORD_RETAKE);
	case RECORD_REFUND_HOLD_LOST:
	case RECORD_REFUND_CANCELLED:
	case RECORD_REFUND_DUPLICATE:
		answer_lost(record, row);
		return refund(tx, record, row, record_refund_reason(action));
	case RECORD_DECLINE:
		answer_declined(record, row, record->answer->code, record->answer->message);
		return decline(tx, record, row, record->answer);
	case RECORD_CANCEL:
		answer_declined(record, row, record->answer->code, record->answer->message);
		return cancel(tx, record, row, record->answer);
	case RECORD_UNKNOWN:
		answer_unknown(record, row);
		return unknown(tx, record, row);
	case RECORD_NOTHING:
		break;
	}
	return DB_OK;
}

static bool is_open(const struct record_facts *facts)
{
	return facts->is_latest && (facts->intent_status == INTENT_PROCESSING ||
				    facts->intent_status == INTENT_UNKNOWN);
}

/* Locks and reads what stands, decides, writes. */
static enum db_code record_looking(struct db_tx *tx, void *context)
{
	struct record *record = context;
	struct db_step lock = { .sql = SQL_RECORD_LOCK, .params = { record->attempt.text } };
	struct db_step attempt = { .sql = SQL_RECORD_ATTEMPT_LOCK,
				   .params = { record->attempt.text } };
	struct record_row row;
	enum record_action action;
	enum db_code code;

	buf_reset(&record->body);
	code = db_tx_trip(tx, &lock, 1);
	if (code != DB_OK)
		return code;
	if (!record_row_read(lock.result, &record->attempt, &row)) {
		log_event(LOG_LEVEL_ERROR, "attempt_missing", "attempt %s is not in the database",
			  record->attempt.text);
		return DB_BROKEN;
	}
	if (!is_open(&row.facts)) {
		code = db_tx_trip(tx, &attempt, 1);
		if (code != DB_OK)
			return code;
		row.facts.is_approved = strcmp(db_text(attempt.result, 0, 0), "approved") == 0;
	}
	FAULT_POINT("record_locked");
	action = record_decide(&row.facts, record->answer->outcome);
	record->action = action;
	if (action == RECORD_NOTHING)
		answer_standing(record, &row, attempt.result);
	return carry_out(tx, record, &row, action);
}

static void count(const struct record *record)
{
	static const struct {
		enum record_action action;
		enum metric_counter counter;
	} counters[] = {
		{ RECORD_SETTLE, METRIC_PAYMENTS_APPROVED },
		{ RECORD_RETAKE, METRIC_PAYMENTS_APPROVED },
		{ RECORD_REFUND_HOLD_LOST, METRIC_PAYMENTS_LOST },
		{ RECORD_REFUND_CANCELLED, METRIC_PAYMENTS_LOST },
		{ RECORD_REFUND_DUPLICATE, METRIC_PAYMENTS_LOST },
		{ RECORD_DECLINE, METRIC_PAYMENTS_DECLINED },
		{ RECORD_CANCEL, METRIC_PAYMENTS_DECLINED },
		{ RECORD_UNKNOWN, METRIC_PAYMENTS_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (counters[i].action == record->action)
			metrics_count(counters[i].counter);
}

/* What is not settled so, whatever the reason, is looked at. */
static enum db_code record_at_once(struct record *record, bool *settled)
{
	enum db_code code = record_together(record, settled);

	record->claim->call->db.retries += code != DB_OK;
	return code;
}

enum db_code record_answer(struct service *service, struct record *record, struct db_cost *cost)
{
	bool settled = false;
	enum db_code code = DB_OK;

	if (record->claim && record->answer->outcome == GATEWAY_APPROVED)
		code = record_at_once(record, &settled);
	if (!settled)
		code = db_tx_run(service->pool, record->policy, record_looking, record, cost);
	if (code == DB_OK)
		count(record);
	FAULT_POINT("record_done");
	if (code == DB_OK && record->body.failed)
		return DB_BROKEN;
	if (code != DB_OK)
		log_event(LOG_LEVEL_ERROR, "record_failed",
			  "the gateway's answer to attempt %s could not be recorded; the janitor "
			  "will look it up",
			  record->attempt.text);
	return code;
}
