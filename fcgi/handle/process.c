/* POST process: pays a reservation that the monolith made. POST shadow/process: decides, without
 * effect, a payment that the monolith answered. */
#include "fcgi/handle/handle.h"

#include "pay/audit/shadow.h"
#include "pay/payment/payment.h"

#define PAYMENT_KEY_MAX 200 /* bytes of a paymentKey */

/* A missing field is reported before an invalid one, whichever of the two it is. */
static enum status read_process(const struct json_in *json, struct process_input *out)
{
	const char *name = json_in_string(json, "paymentMethod");
	const struct payment_method *method = name ? payment_method_find(name) : NULL;

	if (handle_is_missing(json, "reservationId") || handle_is_missing(json, "paymentMethod"))
		return STATUS_MISSING_FIELDS;
	if (!handle_read_uuid(json, "reservationId", &out->reservation_id))
		return STATUS_INVALID_ID;
	if (!method)
		return STATUS_INVALID_PAYMENT_METHOD;
	out->payment_method = method->id;
	return STATUS_OK;
}

/* The token that some gateways need; the others ignore it. */
static enum status read_payment_key(const struct json_in *json, const struct settings *settings,
				    struct process_input *out)
{
	bool is_missing = handle_is_missing(json, "paymentKey");

	if (is_missing && payment_needs_token(settings, out->payment_method))
		return STATUS_MISSING_FIELDS;
	out->token = handle_read_text(json, "paymentKey", PAYMENT_KEY_MAX);
	return is_missing || out->token ? STATUS_OK : STATUS_INVALID_PARAMETER;
}

enum status handle_process(struct exchange *exchange, struct outcome *outcome)
{
	struct process_input input = { .payment_method = NULL };
	enum status status = read_process(exchange->json, &input);

	if (status == STATUS_OK)
		status = read_payment_key(exchange->json, exchange->call.settings, &input);
	if (status == STATUS_OK)
		payment_process(&exchange->call, &input, outcome);
	return status;
}

/* Checks the fields of the call itself. The fields of the payment may be invalid: the monolith
 * answered them too. */
static enum status read_shadow(const struct json_in *json, struct shadow_input *out)
{
	struct process_input process = { .payment_method = NULL };

	if (handle_is_missing(json, "userId") || handle_is_missing(json, "monolithStatus"))
		return STATUS_MISSING_FIELDS;
	if (!handle_read_uuid(json, "userId", &out->user_id))
		return STATUS_INVALID_ID;
	if (!json_in_integer(json, "monolithStatus", &out->monolith_http))
		return STATUS_INVALID_PARAMETER;
	out->refused = read_process(json, &process);
	out->reservation_id = process.reservation_id;
	return STATUS_OK;
}

enum status handle_shadow(struct exchange *exchange, struct outcome *outcome)
{
	struct shadow_input input = { .refused = STATUS_OK };
	enum status status = read_shadow(exchange->json, &input);

	if (status == STATUS_OK && !exchange->call.principal.is_admin)
		status = STATUS_FORBIDDEN;
	if (status == STATUS_OK)
		shadow_process(&exchange->call, &input, outcome);
	return status;
}
