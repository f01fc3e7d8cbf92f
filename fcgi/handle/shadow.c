/* POST shadow/process: decides, without effect, a payment that the monolith answered. */
#include "fcgi/handle/handle.h"

#include "pay/audit/shadow.h"
#include "pay/payment/payment.h"

/* Checks the fields of the call itself. The fields of the payment may be invalid: the monolith
 * answered them too. */
static enum status shadow_read(const struct json_in *json, struct shadow_input *out)
{
	const char *user = json_in_string(json, "userId");
	struct process_input process = { .payment_method = NULL };

	if (handle_is_missing(json, "userId") || handle_is_missing(json, "monolithStatus"))
		return STATUS_MISSING_FIELDS;
	if (!user || !uuid_parse(user, &out->user_id))
		return STATUS_INVALID_ID;
	if (!json_in_integer(json, "monolithStatus", &out->monolith_http))
		return STATUS_INVALID_PARAMETER;
	out->refused = handle_process_read(json, &process);
	out->reservation_id = process.reservation_id;
	return STATUS_OK;
}

void handle_shadow(struct exchange *exchange)
{
	struct json_in *json = handle_body(exchange);
	struct shadow_input input = { .refused = STATUS_OK };
	struct outcome outcome = { .status = STATUS_OK };
	enum status status;

	if (!json)
		return;
	status = shadow_read(json, &input);
	json_in_free(json);
	if (status == STATUS_OK && !exchange->call.principal.is_admin)
		status = STATUS_FORBIDDEN;
	if (status != STATUS_OK) {
		handle_refuse(exchange, status);
		return;
	}
	shadow_process(&exchange->call, &input, &outcome);
	handle_answer(exchange, &outcome);
}
