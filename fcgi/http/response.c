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

static struct iovec part_of(const struct buf *buf)
{
	return (struct iovec){ (char *)buf_text(buf), buf->length };
}

static bool send_whole(const struct FCGX_Request *fcgx, const struct buf *head,
		       const struct buf *body)
{
	const struct iovec parts[] = { part_of(head), part_of(body) };

	return fcgi_output_send(fcgx->ipcFd, fcgx->requestId, parts, 2);
}

/* `parts` has the head, too. */
static bool send_parts(const struct FCGX_Request *fcgx, const struct buf *parts)
{
	return fcgi_output_send(fcgx->ipcFd, fcgx->requestId, (const struct iovec *)parts->data,
				(int)(parts->length / sizeof(struct iovec)));
}

static void take_apart(const struct response *response, const struct buf *head, struct buf *parts)
{
	struct iovec first = part_of(head);

	buf_append(parts, (const char *)&first, sizeof(first));
	spliced_pieces(&response->shared, parts);
}

bool response_send(struct response *response, const struct FCGX_Request *fcgx,
		   const char *request_id)
{
	static char last_words[] = "Status: 500 Internal Server Error\r\nContent-Length: 0\r\n"
				   "Cache-Control: no-store\r\n\r\n";
	static const struct buf no_memory = { .data = last_words,
					      .length = sizeof(last_words) - 1 };
	static const struct buf nothing = { .data = NULL };
	struct buf head = { .data = NULL }, parts = { .data = NULL };
	bool sent;

	if (response->body.failed || response->headers.failed)
		response_error(response, STATUS_INTERNAL_ERROR, LANGUAGE_KO, request_id);
	if (response->body.failed) /* no memory even for that: send the status only */
		buf_reset(&response->body);
	put_head(response, &head, request_id);
	if (response->shared.text)
		take_apart(response, &head, &parts);
	if (head.failed || parts.failed)
		sent = send_whole(fcgx, &no_memory, &nothing);
	else if (response->head || response_http(response) == 304)
		sent = send_whole(fcgx, &head, &nothing);
	else if (response->shared.text)
		sent = send_parts(fcgx, &parts);
	else
		sent = send_whole(fcgx, &head, &response->body);
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
