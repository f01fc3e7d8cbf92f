#include "pay/booking/booking.h"

#include "base/json_out.h"
#include "pay/lock.h"

/* Columns of cancel_look; then live_intents and row_counts. */
enum look_column { USER_EXISTS, OWNED, COUNTS };

struct cancel {
	struct call *call;
	const struct uuid *user_id, *booking_id;
	struct outcome *outcome;
};

static enum status decide_cancel(const struct locked *locked, bool user_exists, bool is_owned)
{
	bool has_intent = intent_is_live(locked->intent_status);

	if (!user_exists)
		return STATUS_USER_NOT_FOUND;
	if (locked->reservation == RESERVATION_NONE || !is_owned)
		return STATUS_BOOKING_NOT_FOUND;
	if (intent_is_under_way(locked->intent_status))
		return STATUS_PAYMENT_IN_PROGRESS;
	if (locked->reservation != RESERVATION_PENDING || locked->left_ms <= 0)
		return STATUS_BOOKING_NOT_CANCELLABLE;
	if (has_intent && !intent_may_become(locked->intent_status, INTENT_CANCELLED))
		return STATUS_BOOKING_NOT_CANCELLABLE;
	return STATUS_OK;
}

static void answer_cancelled(const struct cancel *cancel)
{
	struct json_out out = { .buf = &cancel->outcome->body };

	buf_reset(&cancel->outcome->body);
	cancel->outcome->status = STATUS_OK;
	json_object_begin(&out, NULL);
	json_string(&out, "message",
		    cancel->call->language == LANGUAGE_EN ? "The booking is cancelled."
							  : "예매가 취소되었습니다.");
	json_string(&out, "bookingId", cancel->booking_id->text);
	json_string(&out, "status", "cancelled");
	json_object_end(&out);
}

static enum db_code write_cancel(struct db_tx *tx, const struct cancel *cancel,
				 const struct locked *locked)
{
	const char *intent = intent_is_live(locked->intent_status) ? locked->intent_id : NULL;
	struct db_step step = { .sql = SQL_CANCEL_WRITE,
				.params = { locked->reservation_id, intent,
					    cancel->call->request_id } };

	cancel->outcome->intent_id = uuid_of(intent);
	answer_cancelled(cancel);
	return db_tx_commit(tx, &step, 1);
}

static enum db_code cancel_body(struct db_tx *tx, void *context)
{
	struct cancel *cancel = context;
	const struct call *call = cancel->call;
	struct lock_ids ids = { .reservation = cancel->booking_id->text };
	struct db_step look = { .sql = SQL_CANCEL_LOOK,
				.params = { cancel->booking_id->text, cancel->user_id->text,
					    call->principal.is_admin ? "true" : "false",
					    call->principal.user_id.text } };
	struct locked locked;
	enum status status;
	enum db_code code = lock_one(tx, &ids, &look, &locked);

	if (code != DB_OK)
		return code;
	if (!locked_all(&locked, look.result, 0, COUNTS))
		return DB_CONFLICT;
	status = decide_cancel(&locked, db_boolean(look.result, 0, USER_EXISTS),
			       db_boolean(look.result, 0, OWNED));
	if (status == STATUS_OK)
		return write_cancel(tx, cancel, &locked);
	/* by our own run, whose COMMIT was never answered */
	if (status == STATUS_BOOKING_NOT_CANCELLABLE && db_tx_after_doubt(tx) &&
	    locked.reservation == RESERVATION_CANCELLED)
		answer_cancelled(cancel);
	else
		outcome_error(cancel->outcome, call, status);
	return DB_OK;
}

void booking_cancel(struct call *call, const struct uuid *user_id, const struct uuid *booking_id,
		    struct outcome *outcome)
{
	struct cancel cancel = { call, user_id, booking_id, outcome };
	enum db_code code =
		db_tx_run(call->service->pool, &DB_POLICY_REQUEST, cancel_body, &cancel, &call->db);

	if (code != DB_OK)
		outcome_error(outcome, call, service_status_of(code));
}
