#include "fcgi/http/response.h"

#include "base/decimal.h"
#include "fcgi/http/fcgi_output.h"
#include "fcgi/http/http_text.h"
#include "pay/error_body.h"

#include <assert.h>
#include <fcgiapp.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static void put_header(struct buf *out, const char *name, const char *value)
{
	buf_puts(out, name);
	buf_puts(out, ": ");
	buf_puts(out, value);
	buf_puts(out, "\r\n");
}

void response_header(struct response *response, const char *name, const char *value)
{
	assert(!http_has_control(name) && !http_has_control(value));
	put_header(&response->headers, name, value);
}

void response_error(struct response *response, enum status status, enum language language,
		    const char *request_id)
{
	buf_reset(&response->body);
	buf_reset(&response->headers);
	spliced_free(&response->shared);
	response->status = status;
	response->http = 0;
	response->retry_after_s = 0;
	answer_error(&response->body, status, language, request_id);
}

int response_http(const struct response *response)
{
	return response->http ? response->http : status_info(response->status)->http;
}

static void put_number(struct buf *out, const char *name, int64_t value)
{
	put_header(out, name, decimal(value).text);
}

static void put_retry_after(const struct response *response, struct buf *out)
{
	int retry_after_s = response->retry_after_s ? response->retry_after_s
						    : status_info(response->status)->retry_after_s;

	if (retry_after_s > 0)
		put_number(out, "Retry-After", retry_after_s);
}

static void put_status(int http, struct buf *out)
{
	buf_puts(out, "Status: ");
	buf_puts(out, decimal(http).text);
	buf_puts(out, " ");
	buf_puts(out, http_reason(http));
	buf_puts(out, "\r\n");
}

static size_t body_length(const struct response *response)
{
	return response->shared.text ? spliced_length(&response->shared) : response->body.length;
}

static void put_head(const struct response *response, struct buf *out, const char *request_id)
{
	int http = response_http(response);

	put_status(http, out);
	if (http != 304) {
		put_header(out, "Content-Type", "application/json; charset=utf-8");
		put_number(out, "Content-Length", (int64_t)body_length(response));
	}
	put_header(out, "X-Request-Id", request_id);
	if (!strstr(buf_text(&response->headers), "Cache-Control: "))
		put_header(out, "Cache-Control", "no-store");
	if (http == 401) /* RFC 9110 section 15.5.2 requires the scheme */
		put_header(out, "WWW-Authenticate", "Bearer");
	put_retry_after(response, out);
	buf_puts(out, buf_text(&response->headers));
	buf_puts(out, "\r\n");
}

static void put_part(struct buf *parts, const struct buf *text)
{
	struct iovec part = { (char *)buf_text(text), text->length };

	buf_append(parts, (const char *)&part, sizeof(part));
}

bool response_send(struct response *response, const struct FCGX_Request *fcgx,
		   const char *request_id)
{
	static char last_words[] = "Status: 500 Internal Server Error\r\nContent-Length: 0\r\n"
				   "Cache-Control: no-store\r\n\r\n";
	static const struct iovec no_memory = { last_words, sizeof(last_words) - 1 };
	struct buf head = { .data = NULL }, parts = { .data = NULL };
	bool sent;

	if (response->body.failed || response->headers.failed)
		response_error(response, STATUS_INTERNAL_ERROR, LANGUAGE_KO, request_id);
	if (response->body.failed) /* no memory even for that: send the status only */
		buf_reset(&response->body);
	put_head(response, &head, request_id);
	put_part(&parts, &head);
	if (!response->head && response_http(response) != 304) {
		if (response->shared.text)
			spliced_pieces(&response->shared, &parts);
		else
			put_part(&parts, &response->body);
	}
	if (head.failed || parts.failed)
		sent = fcgi_output_send(fcgx->ipcFd, fcgx->requestId, &no_memory, 1);
	else
		sent = fcgi_output_send(fcgx->ipcFd, fcgx->requestId,
					(const struct iovec *)parts.data,
					(int)(parts.length / sizeof(struct iovec)));
	buf_free(&head);
	buf_free(&parts);
	return sent;
}

void response_hang_up(struct FCGX_Request *fcgx)
{
	close(fcgx->ipcFd);
	fcgx->ipcFd = -1;
}

void response_free(struct response *response)
{
	buf_free(&response->body);
	buf_free(&response->headers);
	spliced_free(&response->shared);
}
