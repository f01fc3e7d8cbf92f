/*
 * The route table: which path and method goes to which handler, decided once.
 * 404, 405, 413, 415, 400 and the token's 401 and 403 are answered here, in the
 * order of the contract; a handler sees only requests that passed.
 */
#ifndef PAYMENTS_FCGI_HTTP_ROUTE_H
#define PAYMENTS_FCGI_HTTP_ROUTE_H

#include "fcgi/http/request.h"
#include "fcgi/http/response.h"
#include "pay/service.h"

/* One request and its answer on their way through the floors. */
struct exchange {
	struct request request;
	struct response response;
	struct call call;      /* call.principal is filled where the route wants a token */
	char segment[64];      /* what {id} in the route's path matched, "" where it has none */
	int route_index;       /* into route_names, -1 where none matched */
	const char *route;     /* for the log: "POST process", "-" where none matched */
	struct uuid intent_id; /* for the log, "" where there is none */
};

/* The routes' names, for the metrics; how many there are. */
#define ROUTE_NAMES_MAX 32
int route_names(const char *names[ROUTE_NAMES_MAX]);

/* Routes, checks, runs the handler. The response is complete afterwards, whatever happened. */
void route_dispatch(struct exchange *exchange);

#endif
