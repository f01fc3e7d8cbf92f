/* If these fail, the web server cannot read an answer that is long, or that a slow peer takes in
 * pieces. */
#include "base/buf.h"
#include "fcgi/http/fcgi_output.h"
#include "suites.h"

#include <fastcgi.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define REQUEST_ID 0x1234
#define HEAD "Status: 200 OK\r\n\r\n"

#define PARTS_MAX 200

struct letter {
	int fd;
	struct buf head, body;
	size_t piece; /* the body is given in pieces of so many bytes, with an empty one after each;
			 0: whole */
	bool sent;
};

static int cut(const struct letter *letter, struct iovec parts[])
{
	size_t piece = letter->piece ? letter->piece : letter->body.length, at = 0;
	int count = 1;

	parts[0] = (struct iovec){ (char *)buf_text(&letter->head), letter->head.length };
	do {
		size_t left = letter->body.length - at, length = left < piece ? left : piece;

		ck_assert_int_le(count + 2, PARTS_MAX);
		parts[count++] = (struct iovec){ (char *)buf_text(&letter->body) + at, length };
		parts[count++] = (struct iovec){ NULL, 0 };
		at += length;
	} while (at < letter->body.length);
	return count;
}

static void *send_letter(void *argument)
{
	struct letter *letter = argument;
	struct iovec parts[PARTS_MAX];

	letter->sent = fcgi_output_send(letter->fd, REQUEST_ID, parts, cut(letter, parts));
	close(letter->fd);
	return NULL;
}

static void read_exactly(int fd, void *out, size_t length)
{
	char *at = out;

	while (length > 0) {
		ssize_t got = read(fd, at, length);

		ck_assert_int_gt(got, 0);
		at += got;
		length -= (size_t)got;
	}
}

static size_t read_header(int fd, int *type)
{
	FCGI_Header header;

	read_exactly(fd, &header, sizeof(header));
	ck_assert_int_eq(header.version, FCGI_VERSION_1);
	ck_assert_int_eq(header.requestIdB1 << 8 | header.requestIdB0, REQUEST_ID);
	ck_assert_int_eq(header.paddingLength, 0);
	*type = header.type;
	return (size_t)(header.contentLengthB1 << 8 | header.contentLengthB0);
}

/* All of the output, up to the record that ends it; returns how many records it took. */
static int read_output(int fd, struct buf *out)
{
	static char content[FCGI_MAX_LENGTH];
	int records = 0, type;
	size_t length;

	while ((length = read_header(fd, &type)) > 0) {
		ck_assert_int_eq(type, FCGI_STDOUT);
		read_exactly(fd, content, length);
		buf_append(out, content, length);
		records++;
	}
	ck_assert_int_eq(type, FCGI_STDOUT);
	return records;
}

static void read_end(int fd)
{
	FCGI_EndRequestBody end;
	int type;
	char more;

	ck_assert_uint_eq(read_header(fd, &type), sizeof(end));
	ck_assert_int_eq(type, FCGI_END_REQUEST);
	read_exactly(fd, &end, sizeof(end));
	ck_assert_int_eq(end.protocolStatus, FCGI_REQUEST_COMPLETE);
	ck_assert_int_eq(end.appStatusB0, 0);
	ck_assert_int_eq(read(fd, &more, 1), 0);
}

static const struct {
	size_t body, piece;
	int records;
} sizes[] = {
	{ 0, 0, 1 },
	{ 1, 0, 1 },
	{ 20000, 0, 1 },
	{ 65528 - sizeof(HEAD) + 1, 0, 1 },
	{ 65528 - sizeof(HEAD) + 2, 0, 2 },
	{ 500000, 0, 8 },
	{ 10, 1, 1 },
	{ 65528 - sizeof(HEAD) + 1, 2000, 1 },
	{ 65528 - sizeof(HEAD) + 2, 2000, 2 },
	{ 500000, 100000, 8 },
	{ 90, 1, 2 }, /* more pieces than one write takes */
};

START_TEST(what_was_sent_arrives)
{
	struct letter letter = { 0 };
	struct buf expected = { 0 }, found = { 0 };
	pthread_t sender;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	letter.fd = pair[0];
	letter.piece = sizes[_i].piece;
	buf_puts(&letter.head, HEAD);
	for (size_t i = 0; i < sizes[_i].body; i++)
		buf_append(&letter.body, &"0123456789abcdefg"[i % 17], 1);
	buf_puts(&expected, HEAD);
	buf_append(&expected, buf_text(&letter.body), letter.body.length);

	ck_assert_int_eq(pthread_create(&sender, NULL, send_letter, &letter), 0);
	ck_assert_int_eq(read_output(pair[1], &found), sizes[_i].records);
	read_end(pair[1]);
	pthread_join(sender, NULL);
	ck_assert(letter.sent);
	ck_assert_uint_eq(found.length, expected.length);
	ck_assert_mem_eq(buf_text(&found), buf_text(&expected), expected.length);
	close(pair[1]);
	buf_free(&letter.head);
	buf_free(&letter.body);
	buf_free(&expected);
	buf_free(&found);
}
END_TEST

START_TEST(a_peer_that_is_gone_is_told)
{
	struct letter letter = { 0 };
	int pair[2];

	signal(SIGPIPE, SIG_IGN); /* as the service does */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[1]);
	letter.fd = pair[0];
	buf_puts(&letter.head, HEAD);
	send_letter(&letter);
	ck_assert(!letter.sent);
	buf_free(&letter.head);
}
END_TEST

/* As the accepted connections have it: a peer that does not read holds a thread no longer than
 * that. */
START_TEST(a_peer_that_reads_nothing_is_given_up)
{
	const struct timeval patience = { .tv_usec = 100000 };
	struct letter letter = { 0 };
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)),
			 0);
	letter.fd = pair[0];
	buf_puts(&letter.head, HEAD);
	for (int i = 0; i < 100000; i++)
		buf_puts(&letter.body, "0123456789abcdef");
	send_letter(&letter);
	ck_assert(!letter.sent);
	close(pair[1]);
	buf_free(&letter.head);
	buf_free(&letter.body);
}
END_TEST

Suite *suite_fcgi_output(void)
{
	Suite *suite = suite_create("fcgi_output");
	TCase *tcase = tcase_create("fcgi_output");

	tcase_add_loop_test(tcase, what_was_sent_arrives, 0, sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(tcase, a_peer_that_is_gone_is_told);
	tcase_add_test(tcase, a_peer_that_reads_nothing_is_given_up);
	suite_add_tcase(suite, tcase);
	return suite;
}
