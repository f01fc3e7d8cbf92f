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

enum status handle_health(struct exchange *exchange, struct outcome *outcome)
{
	struct json_out out = { .buf = &outcome->body };

	(void)exchange;
	json_object_begin(&out, NULL);
	json_string(&out, "status", "ok");
	json_string(&out, "service", "payment-service");
	json_string(&out, "version", PACKAGE_VERSION);
	json_integer(&out, "uptime", (clock_mono_ms() - started_ms) / 1000);
	json_string(&out, "timestamp", clock_iso_utc(clock_unix_ms()).text);
	json_object_end(&out);
	return STATUS_OK;
}

enum status handle_ready(struct exchange *exchange, struct outcome *outcome)
{
	struct json_out out = { .buf = &outcome->body };
	struct buf why = { .data = NULL };

	outcome->status = service_ready(exchange->call.service, &why);
	if (outcome->status == STATUS_OK) {
		json_object_begin(&out, NULL);
		json_string(&out, "status", "ready");
		json_object_end(&out);
	} else {
		answer_error_begin(&out, &outcome->body, outcome->status,
				   exchange->request.language, exchange->request.id);
		json_string(&out, "reason", buf_text(&why));
		answer_error_end(&out);
	}
	buf_free(&why);
	return STATUS_OK;
}
