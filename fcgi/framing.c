#include "fcgi/framing.h"

#include <errno.h>
#include <fastcgi.h>
#include <stdint.h>
#include <sys/uio.h>

#define CONTENT_MAX (FCGI_MAX_LENGTH / 8 * 8) /* as the specification recommends: no padding needed */

/* What follows the last of the output. */
struct end {
	FCGI_Header no_more_output;
	FCGI_EndRequestRecord request;
};

static FCGI_Header header(int type, int request_id, size_t length)
{
	return (FCGI_Header){
		.version = FCGI_VERSION_1,
		.type = (uint8_t)type,
		.requestIdB1 = (uint8_t)(request_id >> 8),
		.requestIdB0 = (uint8_t)request_id,
		.contentLengthB1 = (uint8_t)(length >> 8),
		.contentLengthB0 = (uint8_t)length,
	};
}

/* A write may take less than all of it where the peer reads slowly. */
static bool write_all(int fd, struct iovec *parts, int count)
{
	while (count > 0) {
		ssize_t written = writev(fd, parts, count);

		if (written < 0 && errno != EINTR)
			return false;
		for (; count > 0 && written >= (ssize_t)parts->iov_len; parts++, count--)
			written -= (ssize_t)parts->iov_len;
		if (count > 0 && written > 0) {
			parts->iov_base = (char *)parts->iov_base + written;
			parts->iov_len -= (size_t)written;
		}
	}
	return true;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

bool framing_send(int fd, int request_id, const struct buf *head, const struct buf *body)
{
	struct end end = {
		header(FCGI_STDOUT, request_id, 0),
		{ header(FCGI_END_REQUEST, request_id, sizeof(FCGI_EndRequestBody)),
		  { .protocolStatus = FCGI_REQUEST_COMPLETE } },
	};
	size_t head_sent = 0, body_sent = 0;
	bool last;

	do {
		size_t head_part = smaller(head->length - head_sent, CONTENT_MAX);
		size_t body_part = smaller(body->length - body_sent, CONTENT_MAX - head_part);
		FCGI_Header record = header(FCGI_STDOUT, request_id, head_part + body_part);
		struct iovec parts[] = {
			{ &record, sizeof(record) },
			{ (char *)buf_text(head) + head_sent, head_part },
			{ (char *)buf_text(body) + body_sent, body_part },
			{ &end, sizeof(end) },
		};

		head_sent += head_part;
		body_sent += body_part;
		last = head_sent == head->length && body_sent == body->length;
		if (!write_all(fd, parts, last ? 4 : 3))
			return false;
	} while (!last);
	return true;
}
