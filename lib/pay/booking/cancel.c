#include "pay/booking/booking.h"

#include "base/json_out.h"
#include "pay/payment/intent.h"

enum cancel_column {
	USER_EXISTS,
	R_ID,
	R_STATUS,
	R_PAYMENT_STATUS,
	R_PAST,
	I_ID,
	I_STATUS,
	SEAT_IDS
};

struct cancel {
	struct call *call;
	const struct uuid *user_id, *booking_id;
	struct outcome *outcome;
};

static enum status decide(const struct db_result *r)
{
	enum reservation_state reservation =
		reservation_state_of(db_text(r, 0, R_STATUS), db_text(r, 0, R_PAYMENT_STATUS));
	enum intent_status intent = intent_status_parse(db_text(r, 0, I_STATUS));

	if (!db_boolean(r, 0, USER_EXISTS))
		return STATUS_USER_NOT_FOUND;
	if (reservation == RESERVATION_NONE)
		return STATUS_BOOKING_NOT_FOUND;
	if (intent == INTENT_PROCESSING || intent == INTENT_UNKNOWN)
		return STATUS_PAYMENT_IN_PROGRESS;
	if (reservation != RESERVATION_PENDING || db_boolean(r, 0, R_PAST))
		return STATUS_BOOKING_NOT_CANCELLABLE;
	if (intent != INTENT_NONE && !intent_may_become(intent, INTENT_CANCELLED))
		return STATUS_BOOKING_NOT_CANCELLABLE;
	return STATUS_OK;
}

static bool is_cancelled(const struct db_result *r)
{
	return reservation_state_of(db_text(r, 0, R_STATUS), db_text(r, 0, R_PAYMENT_STATUS)) ==
	       RESERVATION_CANCELLED;
}

static void answer(const struct cancel *cancel)
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

static enum db_code cancel_body(struct db_tx *tx, void *context)
{
	struct cancel *cancel = context;
	const struct call *call = cancel->call;
	struct db_step lock = { .sql = SQL_CANCEL_LOCK,
				.params = { cancel->booking_id->text, cancel->user_id->text,
					    call->principal.is_admin ? "true" : "false",
					    call->principal.user_id.text } };
	struct db_step make = { .sql = SQL_CANCEL_MAKE };
	enum db_code code = db_tx_trip(tx, &lock, 1);
	enum status refusal;

	if (code != DB_OK)
		return code;
	refusal = decide(lock.result);
	if (refusal == STATUS_BOOKING_NOT_CANCELLABLE && db_tx_after_doubt(tx) &&
	    is_cancelled(lock.result)) {
		answer(cancel); /* by our own run, whose COMMIT was answered by nobody */
		return DB_OK;
	}
	if (refusal != STATUS_OK) {
		outcome_error(cancel->outcome, call, refusal);
		return DB_OK;
	}
	make.params[0] = cancel->booking_id->text;
	make.params[1] = db_text(lock.result, 0, I_ID);
	make.params[2] = db_text(lock.result, 0, SEAT_IDS);
	make.params[3] = call->request_id;
	if (make.params[1])
		uuid_parse(make.params[1], &cancel->outcome->intent_id);
	answer(cancel);
	return db_tx_commit(tx, &make, 1);
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
