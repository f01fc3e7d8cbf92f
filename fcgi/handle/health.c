/* GET health: the process runs. GET health/ready: it can serve a payment now. */
#include "config.h"
#include "fcgi/handle/handle.h"

#include "base/clock.h"
#include "base/json_out.h"
#include "pay/error_body.h"

static int64_t started_ms;

void handle_health_prepare(void)
{
	started_ms = clock_mono_ms();
}

void handle_health(struct exchange *exchange)
{
	struct json_out out = { .buf = &exchange->response.body };

	json_object_begin(&out, NULL);
	json_string(&out, "status", "ok");
	json_string(&out, "service", "payment-service");
	json_string(&out, "version", PACKAGE_VERSION);
	json_integer(&out, "uptime", (clock_mono_ms() - started_ms) / 1000);
	json_string(&out, "timestamp", clock_iso_utc(clock_unix_ms()).text);
	json_object_end(&out);
}

static void ready_refuse(struct exchange *exchange, enum status status, const char *why)
{
	struct response *response = &exchange->response;
	struct json_out out;

	response->status = status;
	answer_error_begin(&out, &response->body, status, exchange->request.language,
			   exchange->request.id);
	json_string(&out, "reason", why);
	answer_error_end(&out);
}

void handle_ready(struct exchange *exchange)
{
	struct json_out out = { .buf = &exchange->response.body };
	struct buf why = { .data = NULL };
	enum status status = service_ready(exchange->call.service, &why);

	if (status == STATUS_OK) {
		json_object_begin(&out, NULL);
		json_string(&out, "status", "ready");
		json_object_end(&out);
	} else {
		ready_refuse(exchange, status, buf_text(&why));
	}
	buf_free(&why);
}
