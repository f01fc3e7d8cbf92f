/* POST webhooks/toss: an order changed at Toss Payments. The notice is not signed, and it is sent
 * again until the answer is 200. */
#include "fcgi/handle/handle.h"

#include "pay/janitor/webhook.h"

#include <string.h>

/* Reads the order id, if it has the form of ours. */
static void read_order(const struct json_in *data, void *context)
{
	struct uuid *order_id = context;
	const char *text = json_in_string(data, "orderId");

	if (text)
		uuid_parse(text, order_id);
}

/* OK with an empty *order_id: the notice does not concern us. */
static enum status webhook_read(const struct request *request, struct uuid *order_id)
{
	struct json_in *json = NULL;
	enum status status = json_in_parse(request->body, request->body_length, &json);
	const char *type;

	if (status != STATUS_OK)
		return status;
	type = json_in_string(json, "eventType");
	if (!type || json_in_type(json, "data") != JSON_OBJECT)
		status = STATUS_MISSING_FIELDS;
	else if (strcmp(type, "PAYMENT_STATUS_CHANGED") == 0)
		json_in_each(json, "data", read_order, order_id);
	json_in_free(json);
	return status;
}

void handle_webhook_toss(struct exchange *exchange)
{
	const struct request *request = &exchange->request;
	struct uuid order_id = { "" };
	enum status status = webhook_read(request, &order_id);

	if (status == STATUS_OK && order_id.text[0] != '\0')
		status = webhook_take(&exchange->call, &order_id);
	if (status == STATUS_OK)
		buf_puts(&exchange->response.body, "{}");
	else
		response_error(&exchange->response, status, request->language, request->id);
}
