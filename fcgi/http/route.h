/*
 * The route table: the handler of each path and method. 404, 405, 413, 415, 400 and the 401 and 403
 * of the token are answered here, in the order of the contract. A handler sees only requests that
 * passed.
 */
#ifndef PAYMENTS_FCGI_HTTP_ROUTE_H
#define PAYMENTS_FCGI_HTTP_ROUTE_H

#include "fcgi/http/request.h"
#include "fcgi/http/response.h"
#include "pay/service.h"

struct json_in;

/* One request and its answer. */
struct exchange {
	struct request request;
	struct json_in *json; /* the body; NULL: the route takes none */
	struct response response;
	struct call call;      /* call.principal is set if the route takes a token */
	char segment[64];      /* what {id} in the path matched; "": the route has none */
	int route_index;       /* in route_names; -1: no route matched */
	const char *route;     /* for the log: "POST process"; "-": no route matched */
	struct uuid intent_id; /* for the log; "": none */
};

/* Fills in the names of the routes, for the metrics, and returns their number. */
#define ROUTE_NAMES_MAX 32
int route_names(const char *names[ROUTE_NAMES_MAX]);

/* Finds the route, checks the request and runs the handler. The response is always complete. */
void route_dispatch(struct exchange *exchange);

#endif
