/* One HTTP exchange with Toss Payments. Only toss_http.c includes curl.h. */
#ifndef PAYMENTS_PAY_GATEWAY_TOSS_HTTP_H
#define PAYMENTS_PAY_GATEWAY_TOSS_HTTP_H

#include "base/buf.h"
#include "pay/gateway/toss_parse.h"

struct toss_request {
	const char *path;	     /* "/v1/payments/confirm" */
	const char *idempotency_key; /* POST only */
	const char *body;	     /* NULL: a GET */
	int32_t deadline_ms;	     /* for the whole exchange */
};

/* The reply points into *body, which the caller frees. A POST is sent at most once, even if the
 * connection breaks. */
void toss_http_exchange(const struct settings *settings, const struct toss_request *request,
			struct buf *body, struct toss_reply *reply);

#endif
