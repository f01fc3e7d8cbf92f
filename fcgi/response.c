#include "fcgi/response.h"

#include "base/answer.h"
#include "base/decimal.h"
#include "fcgi/framing.h"
#include "fcgi/http_text.h"

#include <assert.h>
#include <fcgiapp.h>
#include <string.h>
#include <unistd.h>

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

void response_header(struct response *response, const char *name, const char *value)
{
	assert(is_plain(name) && is_plain(value));
	buf_printf(&response->headers, "%s: %s\r\n", name, value);
}

void response_error(struct response *response, enum status status, enum language language,
		    const char *request_id)
{
	buf_reset(&response->body);
	buf_reset(&response->headers);
	response->status = status;
	response->http = 0;
	response->retry_after_s = 0;
	answer_error(&response->body, status, language, request_id);
}

int response_http(const struct response *response)
{
	return response->http ? response->http : status_info(response->status)->http;
}

static void put_header(struct buf *out, const char *name, const char *value)
{
	buf_puts(out, name);
	buf_puts(out, ": ");
	buf_puts(out, value);
	buf_puts(out, "\r\n");
}

static void put_number(struct buf *out, const char *name, int64_t value)
{
	put_header(out, name, decimal(value).text);
}

static void put_retry_after(const struct response *response, struct buf *out)
{
	int retry_after_s = response->retry_after_s ? response->retry_after_s :
						      status_info(response->status)->retry_after_s;

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

static void put_head(const struct response *response, struct buf *out, const char *request_id)
{
	int http = response_http(response);

	put_status(http, out);
	if (http != 304) {
		put_header(out, "Content-Type", "application/json; charset=utf-8");
		put_number(out, "Content-Length", (int64_t)response->body.length);
	}
	put_header(out, "X-Request-Id", request_id);
	if (!strstr(buf_text(&response->headers), "Cache-Control: "))
		put_header(out, "Cache-Control", "no-store");
	if (http == 401) /* RFC 9110 section 15.5.2 wants the scheme named */
		put_header(out, "WWW-Authenticate", "Bearer");
	put_retry_after(response, out);
	buf_puts(out, buf_text(&response->headers));
	buf_puts(out, "\r\n");
}

bool response_send(struct response *response, const struct FCGX_Request *fcgx, const char *request_id)
{
	static char last_words[] = "Status: 500 Internal Server Error\r\nContent-Length: 0\r\n"
				   "Cache-Control: no-store\r\n\r\n";
	static const struct buf no_memory = { .data = last_words, .length = sizeof(last_words) - 1 };
	static const struct buf nothing = { 0 };
	const struct buf *body = &response->body;
	struct buf head = { 0 };
	bool sent;

	if (response->body.failed || response->headers.failed)
		response_error(response, STATUS_INTERNAL_ERROR, LANGUAGE_KO, request_id);
	if (response->body.failed) /* no memory even for that: the status alone has to do */
		buf_reset(&response->body);
	put_head(response, &head, request_id);
	if (response->head || response_http(response) == 304 || head.failed)
		body = &nothing;
	sent = framing_send(fcgx->ipcFd, fcgx->requestId, head.failed ? &no_memory : &head, body);
	buf_free(&head);
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
}
