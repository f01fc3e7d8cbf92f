/* The only writer of a response: status, headers, body. */
#ifndef PAYMENTS_FCGI_HTTP_RESPONSE_H
#define PAYMENTS_FCGI_HTTP_RESPONSE_H

#include "base/buf.h"
#include "base/shared_text.h"
#include "base/status.h"

#include <stdbool.h>

struct FCGX_Request;

/* Not HTTP's but nginx's: the client left before it was answered. Nothing is sent; for the log. */
#define HTTP_CLIENT_GONE 499

struct response {
	enum status status;
	int http;	   /* 0: the status table's */
	int retry_after_s; /* 0: the status table's */
	struct buf body;
	struct spliced
		shared;	    /* the body, where there is one: a text that other responses send too */
	struct buf headers; /* more of them, whole lines ending in CRLF: see response_header */
	bool head;	    /* HEAD: headers only */
};

/* Adds a header. Neither part may hold a control byte (asserted). */
void response_header(struct response *response, const char *name, const char *value);

/* Makes it an error with the common body; what was written before is dropped. */
void response_error(struct response *response, enum status status, enum language language,
		    const char *request_id);

/* The HTTP status it has: its own, else its status's. */
int response_http(const struct response *response);

/* Sends it. Every response carries Content-Type, Content-Length, X-Request-Id, Cache-Control:
 * no-store (unless a Cache-Control was added) and, where due, Retry-After. False: the peer is
 * gone. */
bool response_send(struct response *response, const struct FCGX_Request *fcgx,
		   const char *request_id);

/* Ends the connection of a request that came whole. libfcgi's own way is to wait for the peer to
 * close first, so that what it has yet to send meets an open socket: a context switch and two calls
 * for nothing. */
void response_hang_up(struct FCGX_Request *fcgx);

/* Frees what it holds, not itself. */
void response_free(struct response *response);

#endif
