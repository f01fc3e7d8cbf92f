#define _GNU_SOURCE 1 /* memmem, strcasestr */

#include "http.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool send_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		bytes += sent;
		length -= (size_t)sent;
	}
	return true;
}

static bool read_more(int fd, struct http_request *request)
{
	ssize_t got;

	if (request->length == HTTP_MAX)
		return false;
	do {
		got = recv(fd, request->bytes + request->length, HTTP_MAX - request->length, 0);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return false;
	request->length += (size_t)got;
	request->bytes[request->length] = '\0';
	return true;
}

/* The value of a header in the head of a request, "" where there is none. */
static void take_header(const char *head, const char *name, char *out, size_t size)
{
	const char *at = strcasestr(head, name), *end;

	out[0] = '\0';
	if (!at)
		return;
	at += strlen(name);
	at += strspn(at, " ");
	end = strstr(at, "\r\n");
	snprintf(out, size, "%.*s", (int)(end ? end - at : 0), at);
}

static bool read_head(struct http_request *request, size_t *body_length)
{
	char number[16], connection[32];

	if (sscanf(request->bytes, "%7s %511s", request->method, request->path) != 2)
		return false;
	take_header(request->bytes, "\r\nAuthorization:", request->authorization,
		    sizeof(request->authorization));
	take_header(request->bytes, "\r\nIdempotency-Key:", request->idempotency_key,
		    sizeof(request->idempotency_key));
	take_header(request->bytes, "\r\nContent-Length:", number, sizeof(number));
	take_header(request->bytes, "\r\nConnection:", connection, sizeof(connection));
	request->close = strcasecmp(connection, "close") == 0;
	*body_length = strtoul(number, NULL, 10);
	return *body_length < HTTP_MAX;
}

bool http_read(int fd, struct http_request *request)
{
	char *end;
	size_t head, body;

	if (!request->bytes)
		request->bytes = calloc(1, HTTP_MAX + 1);
	if (!request->bytes)
		return false;
	memmove(request->bytes, request->bytes + request->taken, request->length - request->taken);
	request->length -= request->taken;
	request->taken = 0;
	request->bytes[request->length] = '\0';
	while (!(end = memmem(request->bytes, request->length, "\r\n\r\n", 4)))
		if (!read_more(fd, request))
			return false;
	head = (size_t)(end - request->bytes) + 4;
	end[2] = '\0'; /* headers are searched in the head only */
	if (!read_head(request, &body))
		return false;
	while (request->length < head + body)
		if (!read_more(fd, request))
			return false;
	request->body = request->bytes + head;
	request->body_length = body;
	request->taken = head + body;
	return true;
}

void http_request_free(struct http_request *request)
{
	free(request->bytes);
	request->bytes = NULL;
}

bool http_answer_cut(int fd, int status, const char *body, size_t length, size_t sent)
{
	char head[160];
	int count = snprintf(head, sizeof(head),
			     "HTTP/1.1 %d %s\r\nContent-Type: "
			     "application/json;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n",
			     status, status == 200 ? "OK" : "Status", length);

	return send_all(fd, head, (size_t)count) && send_all(fd, body, sent);
}

bool http_answer(int fd, int status, const char *body, size_t length)
{
	return http_answer_cut(fd, status, body, length, length);
}

void http_reset(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}
