#include "pay/error_body.h"

void answer_error_begin(struct json_out *out, struct buf *body, enum status status,
			enum language language, const char *request_id)
{
	const char *message = status_message(status, language);

	*out = (struct json_out){ .buf = body };
	json_object_begin(out, NULL);
	json_bool(out, "success", false);
	/* one front end reads "error", the others "message" */
	json_string(out, "error", message);
	json_string(out, "message", message);
	json_string(out, "code", status_info(status)->code);
	json_integer(out, "statusCode", status_info(status)->http);
	json_string(out, "requestId", request_id);
}

void answer_error_end(struct json_out *out)
{
	json_object_end(out);
}

void answer_error(struct buf *body, enum status status, enum language language,
		  const char *request_id)
{
	struct json_out out;

	answer_error_begin(&out, body, status, language, request_id);
	answer_error_end(&out);
}
