/* POST process: pays a reservation that the monolith made. */
#include "fcgi/handle/handle.h"

#include "pay/payment/payment.h"

#include <string.h>

#define PAYMENT_KEY_MAX 200 /* bytes of a paymentKey */

/* A missing field is reported before an invalid one, whichever of the two it is. */
enum status handle_process_read(const struct json_in *json, struct process_input *out)
{
	const char *id = json_in_string(json, "reservationId");
	const char *name = json_in_string(json, "paymentMethod");
	const struct payment_method *method = name ? payment_method_find(name) : NULL;

	if (handle_is_missing(json, "reservationId") || handle_is_missing(json, "paymentMethod"))
		return STATUS_MISSING_FIELDS;
	if (!id || !uuid_parse(id, &out->reservation_id))
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
	out->token = json_in_string(json, "paymentKey");
	if (!is_missing && (!out->token || strlen(out->token) > PAYMENT_KEY_MAX))
		return STATUS_INVALID_PARAMETER;
	return STATUS_OK;
}

void handle_process(struct exchange *exchange)
{
	struct json_in *json = handle_body(exchange);
	struct process_input input = { .payment_method = NULL };
	struct outcome outcome = { .status = STATUS_OK };
	enum status status;

	if (!json)
		return;
	status = handle_process_read(json, &input);
	if (status == STATUS_OK)
		status = read_payment_key(json, exchange->call.settings, &input);
	if (status == STATUS_OK) {
		payment_process(&exchange->call, &input, &outcome);
		handle_answer(exchange, &outcome);
	} else {
		handle_refuse(exchange, status);
	}
	json_in_free(json);
}
