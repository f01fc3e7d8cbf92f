#include "fcgi/http/fcgi_output.h"

#include <errno.h>
#include <fastcgi.h>
#include <stdint.h>
#include <sys/param.h>
#include <sys/uio.h>

#define CONTENT_MAX \
	(FCGI_MAX_LENGTH / 8 * 8) /* a multiple of 8, as recommended: no padding needed */
#define PIECES_MAX 64		  /* of one record */

/* Follows the last byte of the output. */
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

/* A write may be partial when the peer reads slowly. */
static bool parts_write(int fd, struct iovec *parts, int count)
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

/* The rest that must be sent. */
struct output {
	const struct iovec *parts;
	int count;
	size_t sent; /* bytes of the first part */
};

static void step_over_sent(struct output *output)
{
	for (; output->count > 0 && output->sent == output->parts->iov_len;
	     output->parts++, output->count--)
		output->sent = 0;
}

/* Fills one record with the next pieces of the output. Returns their length in bytes. */
static size_t record_fill(struct output *output, struct iovec pieces[], int *count)
{
	size_t length = 0;

	for (*count = 0; output->count > 0 && *count < PIECES_MAX && length < CONTENT_MAX;
	     ++*count) {
		size_t piece = MIN(output->parts->iov_len - output->sent, CONTENT_MAX - length);

		pieces[*count] =
			(struct iovec){ (char *)output->parts->iov_base + output->sent, piece };
		length += piece;
		output->sent += piece;
		step_over_sent(output);
	}
	return length;
}

bool fcgi_output_send(int fd, int request_id, const struct iovec *parts, int count)
{
	struct end end = {
		header(FCGI_STDOUT, request_id, 0),
		{ header(FCGI_END_REQUEST, request_id, sizeof(FCGI_EndRequestBody)),
		  { .protocolStatus = FCGI_REQUEST_COMPLETE } },
	};
	struct output output = { parts, count, 0 };

	step_over_sent(&output);
	do {
		struct iovec record[1 + PIECES_MAX + 1];
		FCGI_Header head =
			header(FCGI_STDOUT, request_id, record_fill(&output, record + 1, &count));

		record[0] = (struct iovec){ &head, sizeof(head) };
		record[1 + count] = (struct iovec){ &end, sizeof(end) };
		if (!parts_write(fd, record, 1 + count + (output.count == 0)))
			return false;
	} while (output.count > 0);
	return true;
}
