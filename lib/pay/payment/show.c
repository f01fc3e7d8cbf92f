#include "pay/payment/payment.h"

#include "base/json_out.h"

#include <string.h>

/* clang-format off */
enum show_column {
	USER_EXISTS, I_ID, I_RESERVATION, I_AMOUNT, I_METHOD, I_STATUS, ATTEMPTS_JSON, I_CREATED,
	I_UPDATED, I_ORDER
};
/* clang-format on */

struct show {
	const struct call *call;
	struct outcome *outcome;
};

static void write_intent(const struct db_result *r, struct buf *body)
{
	struct json_out out = { .buf = body };

	json_object_begin(&out, NULL);
	json_string(&out, "paymentIntentId", db_text(r, 0, I_ID));
	json_string(&out, "bookingId", db_text(r, 0, I_RESERVATION));
	json_integer(&out, "amount", db_integer(r, 0, I_AMOUNT));
	json_string(&out, "currency", "KRW");
	json_string(&out, "paymentMethod", db_text(r, 0, I_METHOD));
	json_string(&out, "status", db_text(r, 0, I_STATUS));
	json_raw(&out, "attempts", db_text(r, 0, ATTEMPTS_JSON));
	json_string(&out, "createdAt", db_text(r, 0, I_CREATED));
	if (db_text(r, 0, I_ORDER))
		json_string(&out, "orderId", db_text(r, 0, I_ORDER));
	json_string(&out, "updatedAt", db_text(r, 0, I_UPDATED));
	json_object_end(&out);
}

static void read_show(const struct db_step *steps, void *context)
{
	struct show *show = context;
	const struct db_result *r = steps[0].result;

	if (!db_boolean(r, 0, USER_EXISTS)) {
		outcome_error(show->outcome, show->call, STATUS_USER_NOT_FOUND);
		return;
	}
	if (!db_text(r, 0, I_ID)) {
		outcome_error(show->outcome, show->call, STATUS_INTENT_NOT_FOUND);
		return;
	}
	uuid_parse(db_text(r, 0, I_ID), &show->outcome->intent_id);
	show->outcome->status = STATUS_OK;
	write_intent(r, &show->outcome->body);
}

void payment_show_intent(struct call *call, const struct uuid *intent_id, struct outcome *outcome)
{
	struct show show = { call, outcome };
	struct db_step step = { .sql = SQL_INTENT_SHOW,
				.params = { intent_id->text, call->principal.user_id.text,
					    call->principal.is_admin ? "true" : "false" } };
	enum db_code code = db_read(call->service->pool, &step, 1, read_show, &show, &call->db);

	if (code != DB_OK)
		outcome_error(outcome, call, service_status_of(code));
}
