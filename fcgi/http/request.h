/*
 * The only reader of a request. libfcgi's streams and parameters end here:
 * everything past this file sees struct request.
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
	bool path_ok;	   /* false: outside the mount, too long, or a control byte in it: 404;
			      path is then the start of what came, for the log */
	const char *mount; /* "/api/v1/payments": for addresses in answers */
	const char *query; /* raw query string, "" where none */
	const char *authorization;   /* NULL: none */
	const char *idempotency_key; /* NULL: none */
	const char *if_none_match;   /* NULL: none */
	bool header_repeated; /* Authorization, Idempotency-Key or Content-Type came twice: 400 */
	bool is_json;	      /* Content-Type is application/json (any parameters) */
	enum language language;
	char id[REQUEST_ID_MAX + 1]; /* X-Request-Id: sane and never empty */
	int64_t content_length;	     /* declared; 0 where none, -1 where it is no number */
	char *body;		     /* NUL-terminated; NULL until request_read_body */
	size_t body_length;
	int64_t started_us; /* clock_mono_us when the worker took it */
	int64_t queued_ms;  /* how long it waited before that: nginx's clock to ours */
	struct FCGX_Request *fcgx;
};

/* Reads the parameters. Strings point into the FCGX request and live as long as it does. */
void request_read(struct request *request, struct FCGX_Request *fcgx,
		  const struct settings *settings);

/*
 * Reads the body. OK; PAYLOAD_TOO_LARGE past settings->body_max_bytes; BAD_REQUEST
 * where fewer bytes came than were declared, or the stream broke.
 */
enum status request_read_body(struct request *request, const struct settings *settings);

/* True where the request came to its end: the peer has no more to send. To be asked last: it reads
 * on. */
bool request_is_whole(const struct request *request);

/* True where the peer hung up: nobody is there to be answered. True, too, of a peer that only
 * closed its writing side, which nginx never does. To be asked before anything is done that
 * lasts. */
bool request_hung_up(const struct request *request);

/* True where the request is older than settings->queue_patience_ms, queue and reading included: its
 * client may have given up. To be asked before anything is done that lasts. */
bool request_too_old(const struct request *request, const struct settings *settings);

/* The value of `name` in the query string, percent-decoded into out; false where there is none, or
 * it does not fit, or is badly encoded. */
bool request_query(const struct request *request, const char *name, char *out, size_t size);

/* Wipes and frees the body (it may have held a card's token). */
void request_free(struct request *request);

#endif
