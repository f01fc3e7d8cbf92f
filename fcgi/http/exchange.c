#include "fcgi/http/exchange.h"

#include "base/clock.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "fcgi/http/route.h"
#include "pay/metrics.h"

/* NULL omits the member from the log line. */
static const char *id_or_null(const struct uuid *id)
{
	return id->text[0] ? id->text : NULL;
}

/* The error code of the answer. A request whose client left has a code of its own. */
static const char *log_code(const struct response *response)
{
	if (response_http(response) == HTTP_CLIENT_GONE)
		return "CLIENT_GONE";
	return response->status == STATUS_OK ? NULL : status_info(response->status)->code;
}

static void exchange_log(const struct exchange *exchange, bool sent)
{
	const struct request *request = &exchange->request;
	const struct call *call = &exchange->call;
	struct log_line line;

	log_begin(&line, LOG_LEVEL_INFO, "request");
	log_string(&line, "requestId", request->id);
	log_string(&line, "route", exchange->route);
	log_string(&line, "method", request->method_name);
	log_integer(&line, "status", response_http(&exchange->response));
	log_string(&line, "code", log_code(&exchange->response));
	log_string(&line, "user", id_or_null(&call->principal.user_id));
	log_string(&line, "intent", id_or_null(&exchange->intent_id));
	log_integer(&line, "queuedMs", request->queued_ms);
	log_integer(&line, "dbWaitUs", call->db.wait_us);
	log_integer(&line, "dbUs", call->db.busy_us);
	log_integer(&line, "dbTrips", call->db.trips);
	log_integer(&line, "gatewayMs", call->gateway_us / 1000);
	log_integer(&line, "totalMs", (clock_mono_us() - request->started_us) / 1000);
	if (!sent)
		log_bool(&line, "unsent", true);
	log_string(&line, "path", request->path);
	log_end(&line);
}

static void exchange_measure(const struct exchange *exchange)
{
	const struct call *call = &exchange->call;

	metrics_request(exchange->route_index, response_http(&exchange->response),
			clock_mono_us() - exchange->request.started_us);
	metrics_time(METRIC_TIME_QUEUE, exchange->request.queued_ms * 1000);
	if (call->db.trips > 0) {
		metrics_time(METRIC_TIME_DB_WAIT, call->db.wait_us);
		metrics_time(METRIC_TIME_DB, call->db.busy_us);
	}
	if (call->gateway_us > 0)
		metrics_time(METRIC_TIME_GATEWAY, call->gateway_us);
}

void exchange_serve(struct FCGX_Request *fcgx, struct service *service,
		    const struct settings *settings)
{
	struct exchange exchange = { .route = "-", .route_index = -1 };
	struct request *request = &exchange.request;
	bool sent = false;

	metrics_busy(1);
	request_read(request, fcgx, settings);
	FAULT_POINT("request_read");
	exchange.call = (struct call){
		.service = service,
		.settings = settings,
		.language = request->language,
		.request_id = request->id,
		.idempotency_key = request->idempotency_key,
	};
	exchange.response.head = request->method == METHOD_HEAD;
	route_dispatch(&exchange);
	FAULT_POINT("answer_made");
	if (response_http(&exchange.response) != HTTP_CLIENT_GONE)
		sent = response_send(&exchange.response, fcgx, request->id);
	FAULT_POINT("answer_sent");
	if (sent && request_is_whole(request))
		response_hang_up(fcgx);
	exchange_log(&exchange, sent);
	exchange_measure(&exchange);
	metrics_busy(-1);
	response_free(&exchange.response);
	request_free(request);
}
