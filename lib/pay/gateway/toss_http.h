/* One HTTP exchange with Toss Payments: the only file that includes curl.h is
 * gateway_toss_http.c. */
#ifndef PAYMENTS_PAY_GATEWAY_TOSS_HTTP_H
#define PAYMENTS_PAY_GATEWAY_TOSS_HTTP_H

#include "base/buf.h"
#include "pay/gateway/toss_parse.h"

struct toss_request {
	const char *path;	     /* below the base address: "/v1/payments/confirm" */
	const char *idempotency_key; /* of a POST */
	const char *body;	     /* NULL: a GET */
	int32_t deadline_ms;	     /* for all of it */
};

/* Sends it and waits. The reply's body lies in *body, which the caller frees (buf_free wipes it). A
 * POST leaves at most once, whatever becomes of the connection. */
void toss_http_exchange(const struct settings *settings, const struct toss_request *request,
			struct buf *body, struct toss_reply *reply);

#endif
