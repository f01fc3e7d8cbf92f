/* GET intents/{id}: the state of a payment. POST intents/{id}/refund: an admin orders a full or
 * partial refund. */
#include "fcgi/handle/handle.h"

#include "pay/payment/payment.h"
#include "pay/refund/refund.h"

enum status handle_intent(struct exchange *exchange, struct outcome *outcome)
{
	struct uuid id;

	if (!uuid_parse(exchange->segment, &id))
		return STATUS_INVALID_ID;
	payment_show_intent(&exchange->call, &id, outcome);
	return STATUS_OK;
}

static enum status read_refund(const struct exchange *exchange, struct refund_input *out)
{
	const struct json_in *json = exchange->json;
	enum json_type amount = json_in_type(json, "amount");

	if (!exchange->call.principal.is_admin)
		return STATUS_FORBIDDEN;
	if (handle_is_missing(json, "reason"))
		return STATUS_MISSING_FIELDS;
	if (!uuid_parse(exchange->segment, &out->intent_id))
		return STATUS_INVALID_ID;
	out->note = handle_read_text(json, "reason", REFUND_NOTE_MAX);
	if (!out->note)
		return STATUS_INVALID_PARAMETER;
	if (amount == JSON_ABSENT || amount == JSON_NULL)
		return STATUS_OK;
	if (!json_in_integer(json, "amount", &out->amount_krw) || out->amount_krw < 1)
		return STATUS_INVALID_PARAMETER;
	return STATUS_OK;
}

enum status handle_refund(struct exchange *exchange, struct outcome *outcome)
{
	struct refund_input input = { .note = NULL };
	enum status status = read_refund(exchange, &input);

	if (status == STATUS_OK)
		refund_request(&exchange->call, &input, outcome);
	return status;
}
