/* POST execute: executes a payment intent. The token stays in the parsed body, which is wiped. */
#include "fcgi/handle/handle.h"

#include "pay/payment/payment.h"

#include <stdio.h>
#include <string.h>

#define CVV_MAX 5	   /* four digits and a NUL */
#define CARD_TOKEN_MAX 512 /* bytes of a paymentMethodToken; gateways' keys are at most 200 */

/* Three or four digits, as a string or, from some clients, as a number. */
static bool read_cvv(const struct json_in *json, char out[CVV_MAX])
{
	const char *text = json_in_string(json, "cvv");
	int64_t number;
	size_t length;

	if (json_in_integer(json, "cvv", &number) && number >= 100 && number <= 9999) {
		snprintf(out, CVV_MAX, "%d", (int)number);
		return true;
	}
	length = text ? strlen(text) : 0;
	if (length < 3 || length > 4 || strspn(text, "0123456789") != length)
		return false;
	memcpy(out, text, length + 1);
	return true;
}

static enum status read_execute(const struct json_in *json, struct execute_input *out,
				char cvv[CVV_MAX])
{
	bool by_intent = !handle_is_missing(json, "paymentIntentId");
	const char *key = by_intent ? "paymentIntentId" : "bookingId";

	if (handle_is_missing(json, key) || handle_is_missing(json, "paymentMethodToken") ||
	    handle_is_missing(json, "cvv"))
		return STATUS_MISSING_FIELDS;
	if (!handle_read_uuid(json, key, by_intent ? &out->intent_id : &out->booking_id))
		return STATUS_INVALID_ID;
	if (!read_cvv(json, cvv))
		return STATUS_INVALID_CVV_FORMAT;
	out->cvv = cvv;
	out->token = handle_read_text(json, "paymentMethodToken", CARD_TOKEN_MAX);
	return out->token ? STATUS_OK : STATUS_INVALID_PARAMETER;
}

enum status handle_execute(struct exchange *exchange, struct outcome *outcome)
{
	struct execute_input input = { .token = NULL };
	char cvv[CVV_MAX] = "";
	enum status status = read_execute(exchange->json, &input, cvv);

	if (status == STATUS_OK)
		payment_execute(&exchange->call, &input, outcome);
	explicit_bzero(cvv, sizeof(cvv));
	return status;
}
