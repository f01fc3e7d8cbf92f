/* Shared by the handlers. */
#include "fcgi/handle/handle.h"

#include "fcgi/http/http_text.h"

void handle_refuse(struct exchange *exchange, enum status status)
{
	enum status user = service_check_user(&exchange->call);

	response_error(&exchange->response, user == STATUS_OK ? status : user,
		       exchange->request.language, exchange->request.id);
}

struct json_in *handle_body(struct exchange *exchange)
{
	const struct request *request = &exchange->request;
	struct json_in *json = NULL;
	enum status status = json_in_parse(request->body, request->body_length, &json);

	if (status == STATUS_OK && request->idempotency_key &&
	    !http_key_sane(request->idempotency_key))
		status = STATUS_INVALID_IDEMPOTENCY_KEY;
	if (status == STATUS_OK)
		return json;
	json_in_free(json);
	handle_refuse(exchange, status);
	return NULL;
}

bool handle_is_missing(const struct json_in *json, const char *key)
{
	enum json_type type = json_in_type(json, key);
	const char *text = json_in_string(json, key);

	return type == JSON_ABSENT || type == JSON_NULL || (text && *text == '\0');
}

void handle_answer(struct exchange *exchange, struct outcome *outcome)
{
	struct response *response = &exchange->response;

	exchange->intent_id = outcome->intent_id;
	buf_free(&response->body);
	response->body = outcome->body;
	response->shared = outcome->shared;
	outcome->body = (struct buf){ .data = NULL };
	outcome->shared = (struct spliced){ .text = NULL };
	response->status = outcome->status;
	response->http = outcome->http;
	if (outcome->replayed)
		response_header(response, "Idempotency-Replayed", "true");
	outcome_free(outcome);
}
