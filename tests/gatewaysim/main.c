/*
 * gatewaysim: a payment gateway for tests. It has the API of Toss Payments over HTTP on 127.0.0.1,
 * books that survive a kill, and faults on request.
 *
 *   gatewaysim --port PORT --books FILE --secret KEY
 *
 * One thread for each connection. Prints "ready" when it listens. Books as JSON: GET /_sim/books.
 * Faults: POST /_sim/fault, /_sim/chance, /_sim/clear, /_sim/down (see faults.h). An order in any
 * state: POST /_sim/payment.
 */
#include "api.h"
#include "books.h"
#include "control.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STACK_BYTES (128 * 1024)
#define BACKLOG 4096
#define LOOK_MS 20 /* how soon /_sim/down takes effect */

static void *serve(void *argument)
{
	int fd = (int)(intptr_t)argument;
	struct http_request request = { .bytes = NULL };

	while (http_read(fd, &request) && api_serve(fd, &request))
		;
	http_request_free(&request);
	close(fd);
	return NULL;
}

static void start(int fd)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attributes, serve, (void *)(intptr_t)fd) != 0) {
		perror("gatewaysim: thread");
		close(fd);
	}
	pthread_attr_destroy(&attributes);
}

static int listen_on(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		perror("gatewaysim: listen");
		exit(2);
	}
	return fd;
}

/* Refuses connections for that long. */
static int go_down(int fd, int port, int ms)
{
	struct timespec rest = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	close(fd);
	nanosleep(&rest, NULL);
	return listen_on(port);
}

static void accept_for_ever(int port)
{
	struct pollfd listener = { .fd = listen_on(port), .events = POLLIN };

	puts("ready");
	fflush(stdout);
	for (;;) {
		int down_ms = atomic_exchange(&control_down_ms, 0), fd;

		if (down_ms > 0)
			listener.fd = go_down(listener.fd, port, down_ms);
		if (poll(&listener, 1, LOOK_MS) <= 0)
			continue;
		fd = accept(listener.fd, NULL, NULL);
		if (fd >= 0)
			start(fd);
	}
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "books", required_argument, NULL, 'b' },
		{ "secret", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	const char *books = NULL, *secret = NULL;
	int port = 0, option;

	while ((option = getopt_long(argc, argv, "p:b:s:", options, NULL)) != -1) {
		if (option == 'p')
			port = atoi(optarg);
		else if (option == 'b')
			books = optarg;
		else if (option == 's')
			secret = optarg;
	}
	if (!port || !books || !secret) {
		fputs("usage: gatewaysim --port PORT --books FILE --secret KEY\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors();
	api_set_secret(secret);
	books_open(books);
	accept_for_ever(port);
}
