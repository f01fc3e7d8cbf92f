#define _GNU_SOURCE /* memmem */
#include "relay.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PAIRS_MAX 128
#define CHUNK_BYTES 65536
#define LOOK_MS 10 /* how soon a new mode takes effect */

struct pair {
	int client, server; /* -1: free */
	bool losing;	    /* a COMMIT was sent, its answer is to be lost */
};

struct relay {
	pthread_t thread;
	int listener, port;
	char host[256], server_port[16];
	atomic_int mode;
	atomic_bool stop;
	struct pair pairs[PAIRS_MAX];
	char chunk[CHUNK_BYTES];
};

static int connect_unix(const char *directory, const char *port)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/.s.PGSQL.%.10s", directory,
		 port);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int connect_tcp(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -1;
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

static void pair_cut(struct pair *pair)
{
	if (pair->client >= 0)
		close(pair->client);
	if (pair->server >= 0)
		close(pair->server);
	*pair = (struct pair){ .client = -1, .server = -1 };
}

static void relay_accept(struct relay *relay)
{
	int client = accept(relay->listener, NULL, NULL);

	for (int i = 0; i < PAIRS_MAX && client >= 0 && relay->mode != RELAY_DOWN; i++) {
		struct pair *pair = &relay->pairs[i];

		if (pair->client >= 0)
			continue;
		pair->client = client;
		pair->server = relay->host[0] == '/' ? connect_unix(relay->host, relay->server_port)
						     : connect_tcp(relay->host, relay->server_port);
		if (pair->server < 0)
			pair_cut(pair);
		return;
	}
	close(client);
}

static bool contains(const struct relay *relay, ssize_t length, const char *text)
{
	return memmem(relay->chunk, (size_t)length, text, strlen(text)) != NULL;
}

static void relay_upstream(struct relay *relay, struct pair *pair)
{
	ssize_t n = read(pair->client, relay->chunk, sizeof(relay->chunk));
	bool commit = n > 0 && (contains(relay, n, "COMMIT") || contains(relay, n, "t_insert"));

	if (n <= 0 || (commit && relay->mode == RELAY_SWALLOW_COMMIT)) {
		if (n > 0)
			relay->mode = RELAY_PASS;
		pair_cut(pair);
		return;
	}
	if (commit && relay->mode == RELAY_LOSE_ANSWER) {
		relay->mode = RELAY_PASS;
		pair->losing = true;
	}
	if (send(pair->server, relay->chunk, (size_t)n, MSG_NOSIGNAL) != n)
		pair_cut(pair);
}

static void relay_downstream(struct relay *relay, struct pair *pair)
{
	ssize_t n = read(pair->server, relay->chunk, sizeof(relay->chunk));

	if (n <= 0) {
		pair_cut(pair);
	} else if (pair->losing) {
		if (contains(relay, n, "COMMIT") || contains(relay, n, "INSERT"))
			pair_cut(pair);
	} else if (relay->mode != RELAY_SILENT &&
		   send(pair->client, relay->chunk, (size_t)n, MSG_NOSIGNAL) != n) {
		pair_cut(pair);
	}
}

static void relay_cut_all(struct relay *relay)
{
	for (int i = 0; i < PAIRS_MAX; i++)
		pair_cut(&relay->pairs[i]);
}

static void relay_turn(struct relay *relay)
{
	struct pollfd fds[1 + 2 * PAIRS_MAX] = { { .fd = relay->listener, .events = POLLIN } };

	for (int i = 0; i < PAIRS_MAX; i++) {
		fds[1 + 2 * i] = (struct pollfd){ .fd = relay->pairs[i].client, .events = POLLIN };
		fds[2 + 2 * i] = (struct pollfd){ .fd = relay->pairs[i].server, .events = POLLIN };
	}
	if (poll(fds, 1 + 2 * PAIRS_MAX, LOOK_MS) <= 0)
		return;
	for (int i = 0; i < PAIRS_MAX; i++) {
		if (fds[1 + 2 * i].revents)
			relay_upstream(relay, &relay->pairs[i]);
		if (fds[2 + 2 * i].revents && relay->pairs[i].server >= 0)
			relay_downstream(relay, &relay->pairs[i]);
	}
	if (fds[0].revents)
		relay_accept(relay);
}

static void *relay_run(void *arg)
{
	struct relay *relay = arg;

	while (!relay->stop) {
		if (relay->mode == RELAY_DOWN)
			relay_cut_all(relay);
		relay_turn(relay);
	}
	relay_cut_all(relay);
	return NULL;
}

static bool relay_listen(struct relay *relay)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);

	relay->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (relay->listener < 0 ||
	    bind(relay->listener, (struct sockaddr *)&address, length) != 0 ||
	    listen(relay->listener, 128) != 0 ||
	    getsockname(relay->listener, (struct sockaddr *)&address, &length) != 0)
		return false;
	relay->port = ntohs(address.sin_port);
	return true;
}

struct relay *relay_start(const char *host, const char *port)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	snprintf(relay->host, sizeof(relay->host), "%s", host);
	snprintf(relay->server_port, sizeof(relay->server_port), "%s", port);
	for (int i = 0; i < PAIRS_MAX; i++)
		relay->pairs[i] = (struct pair){ .client = -1, .server = -1 };
	if (relay_listen(relay) && pthread_create(&relay->thread, NULL, relay_run, relay) == 0)
		return relay;
	free(relay);
	return NULL;
}

void relay_stop(struct relay *relay)
{
	relay->stop = true;
	pthread_join(relay->thread, NULL);
	close(relay->listener);
	free(relay);
}

int relay_port(const struct relay *relay)
{
	return relay->port;
}

void relay_set(struct relay *relay, enum relay_mode mode)
{
	relay->mode = mode;
}
