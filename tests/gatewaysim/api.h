/* The API for clients. */
#ifndef GATEWAYSIM_API_H
#define GATEWAYSIM_API_H

#include "http.h"

/* The secret key of Basic authentication. Call once. */
void api_set_secret(const char *secret);

/* Answers one request. False: close the connection. */
bool api_serve(int fd, const struct http_request *request);

#endif
