/* POST intents/{id}/refund: an admin orders a full or partial refund. */
#include "fcgi/handle/handle.h"

#include "pay/refund/refund.h"

#include <string.h>

static enum status read_refund(const struct exchange *exchange, const struct json_in *json,
			       struct refund_input *out)
{
	const char *note = json_in_string(json, "reason");
	enum json_type amount = json_in_type(json, "amount");

	if (!exchange->call.principal.is_admin)
		return STATUS_FORBIDDEN;
	if (handle_is_missing(json, "reason"))
		return STATUS_MISSING_FIELDS;
	if (!uuid_parse(exchange->segment, &out->intent_id))
		return STATUS_INVALID_ID;
	if (!note || strlen(note) > REFUND_NOTE_MAX)
		return STATUS_INVALID_PARAMETER;
	out->note = note;
	if (amount == JSON_ABSENT || amount == JSON_NULL)
		return STATUS_OK;
	if (!json_in_integer(json, "amount", &out->amount_krw) || out->amount_krw < 1)
		return STATUS_INVALID_PARAMETER;
	return STATUS_OK;
}

void handle_refund(struct exchange *exchange)
{
	struct json_in *json = handle_body(exchange);
	struct refund_input input = { .note = NULL };
	struct outcome outcome = { .status = STATUS_OK };
	enum status status;

	if (!json)
		return;
	status = read_refund(exchange, json, &input);
	if (status == STATUS_OK) {
		refund_request(&exchange->call, &input, &outcome);
		handle_answer(exchange, &outcome);
	} else {
		handle_refuse(exchange, status);
	}
	json_in_free(json);
}
