/* Settlements of one batch: lock, look, decide, write. See pay/lock.h. */
#include "pay/payment/settle.h"

#include "base/decimal.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "pay/metrics.h"
#include "pay/payment/settle_write.h"

#include <string.h>

/* Columns of settle_look. */
/* clang-format off */
enum look_column {
	PLACE, A_OPERATION, A_GATEWAY, A_AMOUNT, A_METHOD, A_KEY, A_LANGUAGE, A_REQUEST, A_STATUS,
	A_CODE, A_MESSAGE, A_FINISHED, R_EXISTS, SEATS_EXIST, E_TITLE, E_VENUE,
	E_DATE, E_CANCELLED, NOW
};
/* clang-format on */

/* --- decide --- */

/* Money has moved: where does it belong? */
static enum settle_action decide_approved(const struct settle_facts *f)
{
	bool hold_stands = f->reservation == RESERVATION_PENDING && f->seats_locked == f->seats;
	bool seats_free = f->seats > 0 && f->ticket_items == 0 && f->seats_available == f->seats &&
			  !f->event_cancelled;

	if (f->is_approved)
		return SETTLE_NOTHING;
	if (f->intent_status == INTENT_SUCCEEDED || f->reservation == RESERVATION_PAID ||
	    (intent_is_under_way(f->intent_status) && !f->is_latest))
		return SETTLE_REFUND_DUPLICATE;
	if (f->reservation == RESERVATION_CANCELLED || f->intent_status == INTENT_CANCELLED)
		return SETTLE_REFUND_CANCELLED;
	if (f->intent_status == INTENT_REFUND_PENDING || f->intent_status == INTENT_REFUNDED)
		return SETTLE_REFUND_DUPLICATE;
	if (hold_stands)
		return SETTLE_CONFIRM;
	if (seats_free &&
	    (f->reservation == RESERVATION_LAPSED || f->reservation == RESERVATION_PENDING))
		return SETTLE_RETAKE;
	return SETTLE_REFUND_HOLD_LOST;
}

enum settle_action settle_decide(const struct settle_facts *facts, enum gateway_outcome outcome)
{
	bool is_open = facts->is_latest && intent_is_under_way(facts->intent_status);

	if (outcome == GATEWAY_APPROVED)
		return decide_approved(facts);
	if (!is_open)
		return SETTLE_NOTHING;
	if (outcome == GATEWAY_DECLINED)
		return facts->is_execute ? SETTLE_CANCEL : SETTLE_DECLINE;
	return SETTLE_UNKNOWN;
}

/* --- lock and look --- */

static struct settlement *settlement_of(struct batch_member *member)
{
	return (struct settlement *)member;
}

static struct settlement *settlement_after(const struct settlement *settlement)
{
	return settlement_of(settlement->member.next);
}

static enum db_code lock_settlements(struct db_tx *tx, struct settlement *first, bool alone,
				     const struct db_result *results[2])
{
	struct lock_ids ids = { first->intent.text, first->reservation.text };
	struct pg_columns rows = { .count = 0 }, looked_at = { .count = 0 };
	struct db_step look = { .sql = SQL_SETTLE_LOOK };
	enum db_code code = DB_BROKEN;

	for (struct settlement *s = first; s; s = settlement_after(s)) {
		pg_columns_add(&rows, s->intent.text, s->reservation.text);
		pg_columns_add(&looked_at, s->attempt.text, s->reservation.text);
	}
	if (pg_columns_end(&looked_at, look.params))
		code = lock_and_look(tx, &rows, alone ? &ids : NULL, &look, &results[0]);
	results[1] = look.result;
	pg_columns_free(&rows);
	pg_columns_free(&looked_at);
	return code;
}

static bool is_word(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

static void read_settle_facts(struct settlement *s, const struct db_result *look, int row)
{
	const struct locked *locked = &s->locked;

	s->operation = db_text(look, row, A_OPERATION);
	s->gateway = db_text(look, row, A_GATEWAY);
	s->key = db_text(look, row, A_KEY);
	s->facts = (struct settle_facts){
		.is_execute = is_word(s->operation, "execute"),
		.is_latest = strcmp(locked->attempt_id.text, s->attempt.text) == 0,
		.is_approved = is_word(db_text(look, row, A_STATUS), "approved"),
		.intent_status = locked->intent_status,
		.reservation = locked->reservation,
		.event_cancelled = db_boolean(look, row, E_CANCELLED),
		.ticket_items = locked->ticket_items,
		.seats = locked->seats,
		.seats_locked = locked->seats_locked,
		.seats_available = locked->seats_available,
	};
	s->told = (struct payment_facts){
		.is_execute = s->facts.is_execute,
		.language =
			is_word(db_text(look, row, A_LANGUAGE), "en") ? LANGUAGE_EN : LANGUAGE_KO,
		.request_id = db_text(look, row, A_REQUEST),
		.intent_id = locked->intent_id,
		.reservation_id = locked->reservation_id,
		.reservation_number = locked->number,
		.payment_method = db_text(look, row, A_METHOD),
		.amount_krw = db_integer(look, row, A_AMOUNT),
		.event_title = db_text(look, row, E_TITLE),
		.event_venue = db_text(look, row, E_VENUE),
		.event_date = db_text(look, row, E_DATE),
		.locked = locked,
		.at = db_text(look, row, NOW),
	};
}

static bool settlement_is_locked_elsewhere(const struct settlement *s, const struct db_result *look,
					   int row)
{
	return !s->locked.intent_id ||
	       (!s->locked.reservation_id && db_integer(look, row, R_EXISTS) > 0) ||
	       s->locked.seats_found < db_integer(look, row, SEATS_EXIST);
}

/* Of two settlements of one reservation the second runs alone, after the first. */
static bool repeats_a_settlement(const struct settlement *first, const struct settlement *s)
{
	for (; first != s; first = settlement_after(first))
		if (!first->member.runs_alone &&
		    strcmp(first->reservation.text, s->reservation.text) == 0)
			return true;
	return false;
}

/* --- what a client is told --- */

static void tell_unknown(struct settlement *s)
{
	s->status = STATUS_PAYMENT_RESULT_UNKNOWN;
	s->http = payment_answer_unknown(&s->body, s->told.language, s->told.request_id,
					 s->told.intent_id);
}

static void tell_declined(struct settlement *s, const char *code, const char *message)
{
	s->status = s->facts.is_execute ? STATUS_OK : STATUS_PAYMENT_DECLINED;
	s->http = payment_answer_declined(&s->body, &s->told, code ? code : "",
					  message ? message : "");
}

static void tell_lost(struct settlement *s)
{
	s->status = STATUS_RESERVATION_LOST;
	s->http = payment_answer_lost(&s->body, &s->told);
}

static void tell_paid(struct settlement *s)
{
	s->status = STATUS_OK;
	s->http = payment_answer_paid(&s->body, &s->told);
}

/* A janitor, or our own run before a doubtful COMMIT, has settled it: what stands. */
static void tell_what_stands(struct settlement *s, const struct db_result *look, int row)
{
	const char *status = db_text(look, row, A_STATUS);

	if (db_text(look, row, A_FINISHED))
		s->told.at = db_text(look, row, A_FINISHED);
	if (is_word(status, "declined"))
		tell_declined(s, db_text(look, row, A_CODE), db_text(look, row, A_MESSAGE));
	else if (!is_word(status, "approved"))
		tell_unknown(s);
	else if (s->facts.is_latest && s->facts.intent_status == INTENT_SUCCEEDED)
		tell_paid(s);
	else
		tell_lost(s);
}

static void tell(struct settlement *s, const struct db_result *look, int row)
{
	switch (s->action) {
	case SETTLE_CONFIRM:
	case SETTLE_RETAKE:
		tell_paid(s);
		break;
	case SETTLE_DECLINE:
	case SETTLE_CANCEL:
		tell_declined(s, s->answer->code, s->answer->message);
		break;
	case SETTLE_UNKNOWN:
		tell_unknown(s);
		break;
	case SETTLE_NOTHING:
		tell_what_stands(s, look, row);
		break;
	default:
		tell_lost(s);
	}
}

/* --- one transaction --- */

static void judge_settlement(struct settlement *first, struct settlement *s,
			     const struct db_result *look, int row)
{
	buf_reset(&s->body);
	read_settle_facts(s, look, row);
	s->member.runs_alone =
		settlement_is_locked_elsewhere(s, look, row) || repeats_a_settlement(first, s);
	if (s->member.runs_alone)
		return;
	s->action = settle_decide(&s->facts, s->answer->outcome);
	tell(s, look, row);
}

/* The claim's COMMIT was lost with the server that took it: no retry brings it back. */
static enum db_code attempt_missing(const struct settlement *s)
{
	log_event(LOG_LEVEL_ERROR, "attempt_missing", "attempt %s is not in the database",
		  s->attempt.text);
	return DB_BROKEN;
}

static enum db_code settle_body(struct db_tx *tx, void *context)
{
	const struct batch_run *run = context;
	struct settlement *first = settlement_of(run->first);
	const struct db_result *results[2];
	enum db_code code = lock_settlements(tx, first, run->alone, results);
	int row = 0, place = 0;

	if (code != DB_OK)
		return code;
	for (struct settlement *s = first; s; s = settlement_after(s)) {
		locked_read(results[0], &row, &s->locked);
		judge_settlement(first, s, results[1], place++);
	}
	FAULT_POINT("settle_locked");
	if (run->alone && !db_text(results[1], 0, A_STATUS))
		return attempt_missing(first);
	if (run->alone && first->member.runs_alone)
		return DB_CONFLICT;
	return settle_write(tx, first);
}

enum db_code settle_batch(struct batch_member *first, bool alone, struct db_cost *cost)
{
	service_count_batch(first, alone);
	return batch_transaction(settlement_of(first)->service->pool, settlement_of(first)->policy,
				 settle_body, (struct batch_run){ first, alone }, cost);
}

static void count_settlement(enum settle_action action)
{
	static const enum metric_counter counters[SETTLE_ACTIONS] = {
		[SETTLE_CONFIRM] = METRIC_PAYMENTS_APPROVED,
		[SETTLE_RETAKE] = METRIC_PAYMENTS_APPROVED,
		[SETTLE_REFUND_HOLD_LOST] = METRIC_PAYMENTS_LOST,
		[SETTLE_REFUND_CANCELLED] = METRIC_PAYMENTS_LOST,
		[SETTLE_REFUND_DUPLICATE] = METRIC_PAYMENTS_LOST,
		[SETTLE_DECLINE] = METRIC_PAYMENTS_DECLINED,
		[SETTLE_CANCEL] = METRIC_PAYMENTS_DECLINED,
		[SETTLE_UNKNOWN] = METRIC_PAYMENTS_UNKNOWN,
	};

	if (action != SETTLE_NOTHING)
		metrics_count(counters[action]);
}

enum db_code settle_answer(struct settlement *s, struct db_cost *cost)
{
	struct batch *batch = &s->service->settlements;
	enum db_code code;

	s->member.cost = cost;
	code = batch_do(batch, &s->member, s->settings->db_wait_ms);
	/* the queue was too long, or the database is away: the answer must be recorded all the same
	 */
	if (code == DB_UNAVAILABLE && s->policy->patient)
		code = batch_do_alone(batch, &s->member);
	if (code == DB_OK)
		count_settlement(s->action);
	FAULT_POINT("settle_done");
	if (code == DB_OK && s->body.failed)
		return DB_BROKEN;
	if (code != DB_OK)
		log_event(LOG_LEVEL_ERROR, "record_failed",
			  "the gateway's answer to attempt %s could not be recorded; the janitor "
			  "will ask for it",
			  s->attempt.text);
	return code;
}
