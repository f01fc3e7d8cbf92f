#include "pay/payment/settle_write.h"

#include "base/decimal.h"
#include "base/log.h"
#include "db/array.h"

#include <assert.h>

/* An intent may only become what the transition table allows: anything else is our bug. */
static const char *becomes(const struct settlement *s, enum intent_status next)
{
	assert(intent_may_become(s->facts.intent_status, next));
	return intent_status_name(next);
}

const char *settle_refund_reason(enum settle_action action)
{
	switch (action) {
	case SETTLE_REFUND_HOLD_LOST:
		return "hold_lost";
	case SETTLE_REFUND_CANCELLED:
		return "cancelled";
	case SETTLE_REFUND_DUPLICATE:
		return "duplicate";
	default:
		return NULL;
	}
}

/* The intent turns to refund_pending unless another attempt of it holds or may hold the
 * reservation. */
static const char *status_after_refund(const struct settlement *s)
{
	enum intent_status now = s->facts.intent_status;

	if (now == INTENT_SUCCEEDED || (!s->facts.is_latest && intent_is_under_way(now)))
		return intent_status_name(now);
	return becomes(s, INTENT_REFUND_PENDING);
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

static const char *status_after(const struct settlement *s)
{
	switch (s->action) {
	case SETTLE_CONFIRM:
	case SETTLE_RETAKE:
		return becomes(s, INTENT_SUCCEEDED);
	case SETTLE_DECLINE:
		return becomes(s, status_after_decline(s->facts.reservation));
	case SETTLE_CANCEL:
		return becomes(s, INTENT_FAILED);
	default:
		return status_after_refund(s);
	}
}

static const char *event_kind(enum settle_action action)
{
	if (settle_refund_reason(action))
		return "lost";
	if (action == SETTLE_CONFIRM)
		return "settled";
	return action == SETTLE_RETAKE ? "retaken" : "declined";
}

static void order_refund(struct settlement *s, const char *reason)
{
	s->refund = uuid_new();
	log_event(LOG_LEVEL_WARN, "reservation_lost",
		  "attempt %s was charged, but the reservation is lost (%s): refund %s",
		  s->attempt.text, reason, s->refund.text);
}

/* In the order of settle_members. */
static void add_verdict(struct pg_columns *columns, struct settlement *s)
{
	struct decimal amount = decimal(s->told.amount_krw), http = decimal(s->http);
	const char *reason = settle_refund_reason(s->action);
	bool is_declined = s->action == SETTLE_DECLINE || s->action == SETTLE_CANCEL;

	if (reason)
		order_refund(s, reason);
	pg_columns_add(columns, s->attempt.text, s->intent.text, s->reservation.text,
		       status_after(s), s->told.payment_method, amount.text, event_kind(s->action),
		       is_declined ? s->answer->code : reason,
		       is_declined ? s->answer->message : NULL, reason ? s->refund.text : NULL,
		       s->told.request_id, s->told.at, s->locked.user_id, s->operation, s->key,
		       http.text, s->key ? buf_text(&s->body) : NULL);
}

static void add_unknown(struct pg_columns *columns, struct settlement *s)
{
	const struct gateway *gateway = gateway_by_name(s->gateway);
	struct decimal pause = decimal(reconcile_pause_s(s->look_ups)),
		       not_founds = decimal(s->not_found ? 1 : 0),
		       lease = decimal(gateway ? gateway->lease_ms(s->settings) : 0);

	becomes(s, INTENT_UNKNOWN);
	pg_columns_add(columns, s->attempt.text, s->intent.text, s->reservation.text,
		       s->answer->code, pause.text, not_founds.text, s->told.request_id,
		       lease.text);
}

/* The kinds of verdicts, each a statement. */
enum kind { CONFIRM, REFUND, DECLINE, CANCEL, UNKNOWN, KINDS, NOTHING = KINDS };

static const enum sql_id kinds[KINDS] = {
	[CONFIRM] = SQL_SETTLE_CONFIRM, [REFUND] = SQL_SETTLE_REFUND,
	[DECLINE] = SQL_SETTLE_DECLINE, [CANCEL] = SQL_SETTLE_CANCEL,
	[UNKNOWN] = SQL_SETTLE_UNKNOWN,
};

static enum kind kind_of(const struct settlement *s)
{
	switch (s->action) {
	case SETTLE_CONFIRM:
	case SETTLE_RETAKE:
		return CONFIRM;
	case SETTLE_DECLINE:
		return DECLINE;
	case SETTLE_CANCEL:
		return CANCEL;
	case SETTLE_UNKNOWN:
		return UNKNOWN;
	case SETTLE_NOTHING:
		return NOTHING;
	default:
		return REFUND;
	}
}

static void add_seats(struct buf *seats, const struct locked *locked)
{
	struct locked_seat seat;
	int position = 0;

	while (locked_next_seat(locked, &position, &seat))
		pg_array_add(seats, seat.id);
}

/* What is written, as long as it is under way. */
struct verdicts {
	struct pg_columns columns[KINDS];
	struct buf seats; /* of what is confirmed */
	struct decimal grace, grace_max;
	struct db_step steps[KINDS];
	int count;
};

static void collect(struct verdicts *verdicts, struct settlement *first)
{
	for (struct settlement *s = first; s; s = (struct settlement *)s->member.next) {
		enum kind kind = s->member.runs_alone ? NOTHING : kind_of(s);

		if (kind == UNKNOWN)
			add_unknown(&verdicts->columns[kind], s);
		else if (kind != NOTHING)
			add_verdict(&verdicts->columns[kind], s);
		if (kind == CONFIRM)
			add_seats(&verdicts->seats, &s->locked);
	}
	pg_array_end(&verdicts->seats);
	verdicts->grace = decimal(first->settings->decline_grace_s);
	verdicts->grace_max = decimal(first->settings->decline_grace_max_s);
}

/* False: there was no memory for them. */
static bool make_steps(struct verdicts *verdicts)
{
	bool good = !verdicts->seats.failed;

	for (int kind = 0; kind < KINDS; kind++) {
		struct pg_columns *columns = &verdicts->columns[kind];
		struct db_step *step = &verdicts->steps[verdicts->count];

		if (columns->count == 0)
			continue;
		step->sql = kinds[kind];
		good = pg_columns_end(columns, step->params) && good;
		step->params[columns->count] =
			kind == CONFIRM ? buf_text(&verdicts->seats) : verdicts->grace.text;
		step->params[columns->count + 1] = verdicts->grace_max.text;
		verdicts->count++;
	}
	return good;
}

enum db_code settle_write(struct db_tx *tx, struct settlement *first)
{
	struct verdicts verdicts = { .count = 0 };
	enum db_code code = DB_BROKEN;

	collect(&verdicts, first);
	if (make_steps(&verdicts))
		code = verdicts.count == 0 ? DB_OK
					   : db_tx_commit(tx, verdicts.steps, verdicts.count);
	for (int kind = 0; kind < KINDS; kind++)
		pg_columns_free(&verdicts.columns[kind]);
	buf_free(&verdicts.seats);
	return code;
}
