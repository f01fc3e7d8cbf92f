/* The minimum of HTTP/1.1: requests with a Content-Length, keep-alive. */
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
	bool close; /* the client closes the connection after this answer */
	char *bytes;
	size_t length; /* read so far; may include the start of the next request */
	size_t taken;  /* the part of this request */
};

/* Reads the next request. False: none, or not readable. */
bool http_read(int fd, struct http_request *request);
void http_request_free(struct http_request *request);

/* Sends an answer with a JSON body. False: the client is gone. */
bool http_answer(int fd, int status, const char *body, size_t length);

/* Sends a head that promises `length` bytes, and fewer bytes. */
bool http_answer_cut(int fd, int status, const char *body, size_t length, size_t sent);

/* Resets the connection. */
void http_reset(int fd);

#endif
