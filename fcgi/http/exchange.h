/* One request, from the socket to its log line. */
#ifndef PAYMENTS_FCGI_HTTP_EXCHANGE_H
#define PAYMENTS_FCGI_HTTP_EXCHANGE_H

#include "pay/service.h"

struct FCGX_Request;

/* Reads an accepted request, routes it, sends the answer and logs one line. The caller finishes the
 * connection. */
void exchange_serve(struct FCGX_Request *fcgx, struct service *service,
		    const struct settings *settings);

#endif
