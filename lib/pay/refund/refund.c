#include "pay/refund/refund.h"

#include "base/decimal.h"
#include "base/fault_point.h"
#include "base/json_out.h"
#include "pay/lock.h"
#include "pay/payment/idempotency.h"

#include <stdio.h>
#include <string.h>

/* Columns of refund_request_look; then key_columns. */
enum look_column { USER_EXISTS, F_MADE, F_AMOUNT, KEY };

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

static enum status decide_request(const struct request *request, const struct locked *locked,
				  bool user_exists, int64_t *amount_krw)
{
	int64_t left_krw = locked->charged_krw - locked->refund_krw;

	if (asker(request->call) && !user_exists)
		return STATUS_USER_NOT_FOUND;
	if (!request->call->principal.is_admin)
		return STATUS_FORBIDDEN;
	if (!locked->intent_id)
		return STATUS_INTENT_NOT_FOUND;
	if ((locked->intent_status != INTENT_SUCCEEDED &&
	     locked->intent_status != INTENT_NEEDS_REVIEW) ||
	    left_krw <= 0)
		return STATUS_NOT_REFUNDABLE;
	*amount_krw = request->input->amount_krw == 0 ? left_krw : request->input->amount_krw;
	return *amount_krw > left_krw ? STATUS_REFUND_TOO_LARGE : STATUS_OK;
}

static void answer_ordered(const struct request *request, int64_t amount_krw)
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

static enum db_code write_order(struct db_tx *tx, const struct request *request,
				const struct locked *locked, int64_t amount_krw)
{
	bool is_whole = amount_krw == locked->charged_krw - locked->refund_krw;
	const struct call *call = request->call;
	struct decimal amount = decimal(amount_krw);
	struct db_step step = {
		.sql = SQL_REFUND_ORDER,
		.params = { request->refund.text, locked->intent_id, locked->attempt_id.text,
			    amount.text, "requested", request->input->note, asker(call),
			    intent_status_name(is_whole ? INTENT_REFUND_PENDING
							: locked->intent_status),
			    call->request_id, call->idempotency_key, "202",
			    buf_text(&request->outcome->body),
			    request->key ? request->key->fingerprint.text : NULL,
			    request->key ? request->key->hours : NULL },
	};

	return db_tx_commit(tx, &step, 1);
}

static enum db_code request_body(struct db_tx *tx, void *context)
{
	struct request *request = context;
	struct lock_ids ids = { .intent = request->input->intent_id.text };
	struct db_step look = { .sql = SQL_REFUND_REQUEST_LOOK,
				.params = { asker(request->call), request->refund.text, "refund",
					    request->call->idempotency_key } };
	const struct db_result *looked;
	struct locked locked;
	int64_t amount_krw;
	enum status status;
	enum db_code code = lock_one(tx, &ids, &look, &locked);

	if (code != DB_OK)
		return code;
	looked = look.result;
	if (db_boolean(looked, 0, F_MADE)) { /* an earlier run was committed */
		answer_ordered(request, db_integer(looked, 0, F_AMOUNT));
		return DB_OK;
	}
	if (request->key && !idempotency_allows(request->key, looked, 0, KEY, request->outcome))
		return DB_OK;
	FAULT_POINT("order_locked");
	status = decide_request(request, &locked, db_boolean(looked, 0, USER_EXISTS), &amount_krw);
	if (status != STATUS_OK) {
		outcome_error(request->outcome, request->call, status);
		return DB_OK;
	}
	answer_ordered(request, amount_krw);
	return write_order(tx, request, &locked, amount_krw);
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
