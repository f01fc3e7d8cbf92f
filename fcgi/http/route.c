#include "fcgi/http/route.h"

#include "base/clock.h"
#include "fcgi/handle/handle.h"
#include "fcgi/http/http_text.h"

#include <stdio.h>
#include <string.h>

enum route_token {
	ROUTE_OPEN,	      /* no token is read */
	ROUTE_TOKEN_OPTIONAL, /* a valid token is used; an invalid one counts as none */
	ROUTE_TOKEN_REQUIRED
};

struct route {
	enum request_method method; /* METHOD_GET serves HEAD too */
	const char *pattern;
	const char *name; /* for the log */
	enum route_token token;
	bool takes_body;
	enum status (*handler)(struct exchange *exchange, struct outcome *outcome);
};

/* clang-format off */
static const struct route routes[] = {
	{ METHOD_POST, "/process", "POST process", ROUTE_TOKEN_REQUIRED, true, handle_process },
	{ METHOD_GET, "/methods", "GET methods", ROUTE_OPEN, false, handle_methods },
	{ METHOD_GET, "/health", "GET health", ROUTE_OPEN, false, handle_health },
	{ METHOD_GET, "/health/ready", "GET health/ready", ROUTE_OPEN, false, handle_ready },
	{ METHOD_POST, "/bookings", "POST bookings", ROUTE_TOKEN_REQUIRED, true, handle_bookings },
	{ METHOD_GET, "/bookings/my", "GET bookings/my", ROUTE_TOKEN_REQUIRED, false, handle_bookings_list },
	{ METHOD_DELETE, "/bookings/my", "DELETE bookings/my", ROUTE_TOKEN_REQUIRED, true, handle_bookings_cancel },
	{ METHOD_GET, "/bookings/user/{id}", "GET bookings/user/{id}", ROUTE_TOKEN_REQUIRED, false,
	  handle_bookings_list },
	{ METHOD_DELETE, "/bookings/user/{id}", "DELETE bookings/user/{id}", ROUTE_TOKEN_REQUIRED, true,
	  handle_bookings_cancel },
	{ METHOD_POST, "/execute", "POST execute", ROUTE_TOKEN_REQUIRED, true, handle_execute },
	{ METHOD_GET, "/occupiedSeats/{id}", "GET occupiedSeats/{id}", ROUTE_TOKEN_OPTIONAL, false, handle_occupied },
	{ METHOD_POST, "/intents/{id}/refund", "POST intents/{id}/refund", ROUTE_TOKEN_REQUIRED, true, handle_refund },
	{ METHOD_POST, "/webhooks/toss", "POST webhooks/toss", ROUTE_OPEN, true, handle_webhook_toss },
	{ METHOD_GET, "/intents/{id}", "GET intents/{id}", ROUTE_TOKEN_REQUIRED, false, handle_intent },
	{ METHOD_POST, "/shadow/process", "POST shadow/process", ROUTE_TOKEN_REQUIRED, true, handle_shadow },
};
/* clang-format on */
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

_Static_assert(ROUTES <= ROUTE_NAMES_MAX, "the metrics have no room for so many routes");

int route_names(const char *names[ROUTE_NAMES_MAX])
{
	for (size_t i = 0; i < ROUTES; i++)
		names[i] = routes[i].name;
	return (int)ROUTES;
}

static bool route_matches(const struct route *route, struct exchange *exchange)
{
	return http_path_match(route->pattern, exchange->request.path, exchange->segment,
			       sizeof(exchange->segment));
}

/* OK and *out. METHOD_NOT_ALLOWED: only the path matches. NOT_FOUND: no path matches. */
static enum status route_find(struct exchange *exchange, const struct route **out)
{
	const struct request *request = &exchange->request;
	enum request_method method = request->method == METHOD_HEAD ? METHOD_GET : request->method;
	enum status status = STATUS_NOT_FOUND;

	for (size_t i = 0; request->path_ok && i < ROUTES; i++) {
		if (!route_matches(&routes[i], exchange))
			continue;
		if (routes[i].method == method) {
			*out = &routes[i];
			return STATUS_OK;
		}
		status = STATUS_METHOD_NOT_ALLOWED;
	}
	return status;
}

/* The methods of the path, "GET, HEAD": a 405 must name them (RFC 9110 section 15.5.6). */
static void route_add_allow(struct exchange *exchange)
{
	static const char *const names[METHOD_OTHER] = {
		[METHOD_GET] = "GET, HEAD",
		[METHOD_POST] = "POST",
		[METHOD_DELETE] = "DELETE",
	};
	char allow[64] = "";

	for (size_t i = 0; i < ROUTES; i++) {
		size_t length = strlen(allow);

		if (route_matches(&routes[i], exchange))
			snprintf(allow + length, sizeof(allow) - length, "%s%s", length ? ", " : "",
				 names[routes[i].method]);
	}
	response_header(&exchange->response, "Allow", allow);
}

static enum status route_check_token(struct exchange *exchange, enum route_token wanted)
{
	const struct settings *settings = exchange->call.settings;
	struct token_secrets secrets = { settings->jwt_secret, settings->jwt_secret_previous };
	struct principal principal = { .is_admin = false };
	enum status status;

	if (wanted == ROUTE_OPEN)
		return STATUS_OK;
	status = token_cache_verify(exchange->call.service->tokens, exchange->request.authorization,
				    &secrets, clock_unix_ms() / 1000, &principal);
	if (status == STATUS_OK)
		exchange->call.principal = principal;
	return wanted == ROUTE_TOKEN_OPTIONAL ? STATUS_OK : status;
}

static void route_refuse(struct exchange *exchange, enum status status)
{
	response_error(&exchange->response, status, exchange->request.language,
		       exchange->request.id);
}

/* A request that changes state is carried out only while its client waits for the answer. nginx
 * passes a request on even if the client left while it queued. */
static bool route_is_awaited(struct exchange *exchange)
{
	const struct request *request = &exchange->request;

	if (request->method != METHOD_POST && request->method != METHOD_DELETE)
		return true;
	if (request_hung_up(request)) {
		exchange->response.http = HTTP_CLIENT_GONE;
		return false;
	}
	if (request_too_old(request, exchange->call.settings)) {
		route_refuse(exchange, STATUS_SERVICE_UNAVAILABLE);
		return false;
	}
	return true;
}

static enum status route_check(struct exchange *exchange, const struct route *route)
{
	enum status status = STATUS_OK;

	if (route->takes_body)
		status = request_read_body(&exchange->request, exchange->call.settings);
	else if (exchange->request.header_repeated)
		status = STATUS_BAD_REQUEST;
	if (status == STATUS_OK)
		status = route_check_token(exchange, route->token);
	return status;
}

/* The body as JSON, and the Idempotency-Key, which the API has beside it. */
static enum status route_parse_body(struct exchange *exchange, const struct route *route)
{
	const struct request *request = &exchange->request;
	enum status status = json_in_parse(request->body, request->body_length, &exchange->json);

	if (status == STATUS_OK && route->token != ROUTE_OPEN && request->idempotency_key &&
	    !http_key_sane(request->idempotency_key))
		return STATUS_INVALID_IDEMPOTENCY_KEY;
	return status;
}

/* Moves the result of the domain call into the response. */
static void route_answer(struct exchange *exchange, const struct outcome *outcome)
{
	struct response *response = &exchange->response;

	exchange->intent_id = outcome->intent_id;
	response->body = outcome->body;
	response->shared = outcome->shared;
	response->status = outcome->status;
	response->http = outcome->http;
	if (outcome->replayed)
		response_header(response, "Idempotency-Replayed", "true");
}

static void route_handle(struct exchange *exchange, const struct route *route)
{
	struct outcome outcome = { .status = STATUS_OK };
	enum status status = STATUS_OK, user = STATUS_OK;

	if (route->takes_body)
		status = route_parse_body(exchange, route);
	if (status == STATUS_OK)
		status = route->handler(exchange, &outcome);
	json_in_free(exchange->json);
	if (status == STATUS_OK) {
		route_answer(exchange, &outcome);
		return;
	}
	/* these errors rank after the check of the user: the answer may be 401 USER_NOT_FOUND */
	if (route->token == ROUTE_TOKEN_REQUIRED)
		user = service_check_user(&exchange->call);
	route_refuse(exchange, user == STATUS_OK ? status : user);
}

void route_dispatch(struct exchange *exchange)
{
	const struct route *route = NULL;
	enum status status = route_find(exchange, &route);

	if (status == STATUS_OK) {
		exchange->route = route->name;
		exchange->route_index = (int)(route - routes);
		status = route_check(exchange, route);
	}
	if (status != STATUS_OK)
		route_refuse(exchange, status);
	else if (route_is_awaited(exchange))
		route_handle(exchange, route);
	if (status == STATUS_METHOD_NOT_ALLOWED)
		route_add_allow(exchange);
}
