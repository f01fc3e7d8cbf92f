#include "pay/refund/refund.h"

#include "base/decimal.h"
#include "base/fault_point.h"
#include "base/json_out.h"
#include "pay/payment/idempotency.h"
#include "pay/payment/intent.h"

#include <stdio.h>
#include <string.h>

enum request_column {
	USER_EXISTS,
	I_FOUND,
	I_STATUS,
	I_ATTEMPT,
	I_CHARGED,
	I_REFUND,
	F_MADE,
	F_AMOUNT
};

struct request {
	struct call *call;
	const struct refund_input *input;
	struct outcome *outcome;
	struct idempotency *key; /* NULL: none */
	struct uuid
		refund; /* made once, so that a run after a doubtful COMMIT inserts no second one */
};

/* An operator at the machine has no user of the site. */
static const char *asker(const struct call *call)
{
	return call->principal.user_id.text[0] == '\0' ? NULL : call->principal.user_id.text;
}

static enum status decide(const struct request *request, const struct db_result *r,
			  int64_t *amount_krw)
{
	enum intent_status status = intent_status_parse(db_text(r, 0, I_STATUS));
	int64_t left_krw = db_integer(r, 0, I_CHARGED) - db_integer(r, 0, I_REFUND);

	if (asker(request->call) && !db_boolean(r, 0, USER_EXISTS))
		return STATUS_USER_NOT_FOUND;
	if (!request->call->principal.is_admin)
		return STATUS_FORBIDDEN;
	if (!db_boolean(r, 0, I_FOUND))
		return STATUS_INTENT_NOT_FOUND;
	if ((status != INTENT_SUCCEEDED && status != INTENT_NEEDS_REVIEW) || left_krw <= 0)
		return STATUS_NOT_REFUNDABLE;
	*amount_krw = request->input->amount_krw == 0 ? left_krw : request->input->amount_krw;
	return *amount_krw > left_krw ? STATUS_REFUND_TOO_LARGE : STATUS_OK;
}

static void answer(const struct request *request, int64_t amount_krw)
{
	struct json_out out = { .buf = &request->outcome->body };

	buf_reset(&request->outcome->body);
	request->outcome->status = STATUS_OK;
	request->outcome->http = 202;
	request->outcome->intent_id = request->input->intent_id;
	json_object_begin(&out, NULL);
	json_bool(&out, "success", true);
	json_string(&out, "message",
		    request->call->language == LANGUAGE_EN ? "The refund has been ordered."
							   : "환불이 접수되었습니다.");
	json_string(&out, "refundId", request->refund.text);
	json_string(&out, "paymentIntentId", request->input->intent_id.text);
	json_integer(&out, "amount", amount_krw);
	json_string(&out, "status", "pending");
	json_object_end(&out);
}

static enum db_code order(struct db_tx *tx, const struct request *request,
			  const struct db_result *r, int64_t amount_krw)
{
	bool whole = amount_krw == db_integer(r, 0, I_CHARGED) - db_integer(r, 0, I_REFUND);
	const struct call *call = request->call;
	struct decimal amount = decimal(amount_krw);
	struct db_step step = {
		.sql = SQL_REFUND_ORDER,
		.params = { request->refund.text, request->input->intent_id.text,
			    db_text(r, 0, I_ATTEMPT), amount.text, "requested",
			    request->input->note, asker(call),
			    whole ? "refund_pending" : db_text(r, 0, I_STATUS), call->request_id,
			    call->idempotency_key, "202", NULL },
	};

	answer(request, amount_krw);
	step.params[11] = buf_text(&request->outcome->body);
	return db_tx_commit(tx, &step, 1);
}

static bool key_allows(const struct request *request, const struct db_step *begin,
		       const struct db_step *get)
{
	switch (idempotency_judge(request->key, begin, get, NULL, request->outcome)) {
	case IDEMPOTENCY_FIRST:
		return true;
	case IDEMPOTENCY_REPLAY:
		return false;
	case IDEMPOTENCY_MISMATCH:
		outcome_error(request->outcome, request->call, STATUS_IDEMPOTENCY_MISMATCH);
		return false;
	case IDEMPOTENCY_IN_PROGRESS:
	case IDEMPOTENCY_UNKNOWN:
		break;
	}
	outcome_error(request->outcome, request->call, STATUS_IDEMPOTENCY_IN_PROGRESS);
	return false;
}

static enum db_code request_body(struct db_tx *tx, void *context)
{
	struct request *request = context;
	struct db_step steps[3];
	struct db_step *lock = &steps[request->key ? 1 : 0];
	int64_t amount_krw = 0;
	enum status status;
	enum db_code code;

	if (request->key)
		idempotency_steps(request->key, &steps[0], &steps[2]);
	*lock = (struct db_step){ .sql = SQL_REFUND_REQUEST_LOCK,
				  .params = { request->input->intent_id.text, asker(request->call),
					      request->refund.text } };
	code = db_tx_trip(tx, steps, request->key ? 3 : 1);
	if (code != DB_OK)
		return code;
	if (request->key && !key_allows(request, &steps[0], &steps[2]))
		return DB_OK;
	if (db_boolean(lock->result, 0, F_MADE)) {
		answer(request, db_integer(lock->result, 0, F_AMOUNT));
		return DB_OK;
	}
	FAULT_POINT("order_locked");
	status = decide(request, lock->result, &amount_krw);
	if (status != STATUS_OK) {
		outcome_error(request->outcome, request->call, status);
		return DB_OK;
	}
	return order(tx, request, lock->result, amount_krw);
}

void refund_request(struct call *call, const struct refund_input *input, struct outcome *outcome)
{
	struct request request = {
		.call = call, .input = input, .outcome = outcome, .refund = uuid_new()
	};
	struct idempotency key;
	char meaning[128 + REFUND_NOTE_MAX];
	enum db_code code;

	if (call->idempotency_key) {
		snprintf(meaning, sizeof(meaning), "refund\n%s\n%lld\n%s", input->intent_id.text,
			 (long long)input->amount_krw, input->note);
		idempotency_init(&key, call, "refund", meaning);
		request.key = &key;
	}
	code = db_tx_run(call->service->pool, &DB_POLICY_REQUEST, request_body, &request,
			 &call->db);
	if (code != DB_OK)
		outcome_error(outcome, call, service_status_of(code));
}
