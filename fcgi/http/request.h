/*
 * The only reader of a request: all other code sees struct request and not libfcgi's streams and
 * parameters.
 */
#ifndef PAYMENTS_FCGI_HTTP_REQUEST_H
#define PAYMENTS_FCGI_HTTP_REQUEST_H

#include "base/status.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct FCGX_Request;

#define PATH_MAX_BYTES 512
#define REQUEST_ID_MAX 64

enum request_method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_DELETE, METHOD_OTHER };

struct request {
	enum request_method method;
	const char *method_name;   /* as sent */
	char path[PATH_MAX_BYTES]; /* below the mount point, no trailing slash: "/process" */
	bool path_ok;	   /* false: outside of the mount, too long, or with a control byte: 404;
			      then path is the start of the uri, for the log */
	const char *mount; /* "/api/v1/payments", for links in answers */
	const char *query; /* raw query string; "": none */
	const char *authorization;   /* NULL: none */
	const char *idempotency_key; /* NULL: none */
	const char *if_none_match;   /* NULL: none */
	bool header_repeated; /* Authorization, Idempotency-Key or Content-Type is repeated: 400 */
	bool is_json;	      /* Content-Type is application/json (any parameters) */
	enum language language;
	char id[REQUEST_ID_MAX + 1]; /* X-Request-Id: valid and never empty */
	int64_t content_length;	     /* as declared; 0: none, -1: not a number */
	char *body;		     /* NUL-terminated; NULL until request_read_body */
	size_t body_length;
	int64_t started_us; /* clock_mono_us when the worker began it */
	int64_t queued_ms;  /* wait before that, from nginx's clock to ours */
	struct FCGX_Request *fcgx;
};

/* Reads the parameters. The strings point into the FCGX request and live as long as it does. */
void request_read(struct request *request, struct FCGX_Request *fcgx,
		  const struct settings *settings);

/* Checks size, type and repeated headers, then reads the body: the order is part of the contract.
 * BAD_REQUEST also if fewer bytes came than declared, or the stream broke. */
enum status request_read_body(struct request *request, const struct settings *settings);

/* True if the peer has no more to send. It reads from the connection, so it must be called last. */
bool request_is_whole(const struct request *request);

/* True if the peer closed the connection, or only its writing side, which nginx never does. Must be
 * called before the first lasting change. */
bool request_hung_up(const struct request *request);

/* True if the request is older than settings->queue_patience_ms, with its time in the queue: the
 * client may have given up. Must be called before the first lasting change. */
bool request_too_old(const struct request *request, const struct settings *settings);

/* Wipes the token and the body, which may hold the token of a card, and frees the body. */
void request_free(struct request *request);

#endif
