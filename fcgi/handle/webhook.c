/* POST webhooks/toss: an order changed at Toss Payments. The notice is not signed, and it is sent
 * again until the answer is 200. */
#include "fcgi/handle/handle.h"

#include "pay/janitor/webhook.h"

#include <string.h>

/* Reads the order id, if it has the form of ours. */
static void read_order(const struct json_in *data, void *context)
{
	handle_read_uuid(data, "orderId", context);
}

enum status handle_webhook_toss(struct exchange *exchange, struct outcome *outcome)
{
	const char *type = json_in_string(exchange->json, "eventType");
	struct uuid order_id = { "" };
	enum status status = STATUS_OK;

	if (!type || json_in_type(exchange->json, "data") != JSON_OBJECT)
		return STATUS_MISSING_FIELDS;
	if (strcmp(type, "PAYMENT_STATUS_CHANGED") == 0)
		json_in_each(exchange->json, "data", read_order, &order_id);
	if (order_id.text[0] != '\0') /* empty: the notice does not concern us */
		status = webhook_take(&exchange->call, &order_id);
	if (status == STATUS_OK)
		buf_puts(&outcome->body, "{}");
	return status;
}
