/* The only writer of a response: status, headers, body. */
#ifndef PAYMENTS_FCGI_HTTP_RESPONSE_H
#define PAYMENTS_FCGI_HTTP_RESPONSE_H

#include "base/buf.h"
#include "base/shared_text.h"
#include "base/status.h"

#include <stdbool.h>

struct FCGX_Request;

/* nginx's own status: the client left before the answer. Nothing is sent; it is for the log. */
#define HTTP_CLIENT_GONE 499

struct response {
	enum status status;
	int http;	   /* 0: as the status table says */
	int retry_after_s; /* 0: as the status table says */
	struct buf body;
	struct spliced shared; /* if set, the body: a text that other responses send too */
	struct buf headers;    /* further headers, each a line with CRLF: see response_header */
	bool head;	       /* HEAD: headers only */
};

/* Adds a header. Neither part may have a control byte (asserted). */
void response_header(struct response *response, const char *name, const char *value);

/* Replaces the response by an error with the common body. */
void response_error(struct response *response, enum status status, enum language language,
		    const char *request_id);

/* The HTTP status: the one that was set, or else the one of the status table. */
int response_http(const struct response *response);

/* Sends the response with Content-Type, Content-Length, X-Request-Id, Cache-Control (no-store
 * unless one was added) and, for some statuses, Retry-After. False: the peer is gone. */
bool response_send(struct response *response, const struct FCGX_Request *fcgx,
		   const char *request_id);

/* Closes the connection of a request that was read completely. libfcgi would wait for the peer to
 * close first, in case it still sends: a context switch and two calls that are not needed here. */
void response_hang_up(struct FCGX_Request *fcgx);

/* Frees the contents, not the struct. */
void response_free(struct response *response);

#endif
