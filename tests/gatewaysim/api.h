/* The API that clients see, and the control addresses below /_sim. */
#ifndef GATEWAYSIM_API_H
#define GATEWAYSIM_API_H

#include "http.h"

#include <stdatomic.h>

/* How long nobody is to be let in, ms; set by POST /_sim/down, cleared by the listener. */
extern atomic_int api_down_ms;

/* The secret key that Basic authentication is checked against. To be called once. */
void api_set_secret(const char *secret);

/* Answers one request. False: the connection is to be closed. */
bool api_serve(int fd, const struct http_request *request);

#endif
