/* The least of HTTP/1.1 that a payment gateway's clients speak: requests with a Content-Length,
 * kept connections. */
#ifndef GATEWAYSIM_HTTP_H
#define GATEWAYSIM_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_MAX (64 * 1024) /* bytes of a request */

struct http_request {
	char method[8];
	char path[512];
	char authorization[512];
	char idempotency_key[301];
	char *body; /* NUL-terminated, in `bytes` */
	size_t body_length;
	bool close; /* the client wants no further answer on this connection */
	char *bytes;
	size_t length; /* read so far, the start of a next request included */
	size_t taken;  /* of them, those of this request */
};

/* Reads the next request of a connection. False: there is none, or none that can be read. */
bool http_read(int fd, struct http_request *request);
void http_request_free(struct http_request *request);

/* Sends an answer with a JSON body. False: the client is gone. */
bool http_answer(int fd, int status, const char *body, size_t length);

/* Sends an answer's head that promises `length` bytes, and fewer. */
bool http_answer_cut(int fd, int status, const char *body, size_t length, size_t sent);

/* Ends a connection by a reset instead of an end. */
void http_reset(int fd);

#endif
