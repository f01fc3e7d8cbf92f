/* The API for clients, and the control addresses below /_sim. */
#ifndef GATEWAYSIM_API_H
#define GATEWAYSIM_API_H

#include "http.h"

#include <stdatomic.h>

/* How long to refuse connections, ms; set by POST /_sim/down, cleared by the listener. */
extern atomic_int api_down_ms;

/* The secret key of Basic authentication. Call once. */
void api_set_secret(const char *secret);

/* Answers one request. False: close the connection. */
bool api_serve(int fd, const struct http_request *request);

#endif
