/*
 * volley: sends many prepared HTTP/1.1 requests to 127.0.0.1 and reports each answer. One thread
 * with epoll, so that the processors are free for the service under test.
 *
 *   volley -p PORT [-c most in flight] [-r requests a second] [-d seconds]
 *          [-t timeout ms] [--burst] [--keep-alive] [--headers] [--summary] [--quiet] [FILE]
 *
 * FILE or standard input has one request a line, as JSON:
 *   {"method": "POST", "path": "/x", "headers": {"Name": "value"}, "body": "text"}
 * Each is sent once, in order; with -d they are repeated in turn until the time is up.
 * An answer is a line {"i", "status", "ms", "body"}; status 0 is no answer, with "error" saying
 * why. With -r the time starts when the request was due: a service that stalls cannot hide the
 * wait of later requests.
 */
#include "answer.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTS_A_TURN 128 /* keeps a burst's SYNs within the server's backlog */
#define EVENTS_A_TURN 256

struct request {
	char *bytes;
	size_t length;
	bool head;
};

enum state { FREE, CONNECTING, READY, SENDING, READING };

struct flight {
	enum state state;
	int fd;
	bool kept; /* the connection has served a request before */
	long index;
	const struct request *request;
	size_t sent;
	char *in;
	size_t length, capacity;
	int64_t due_us, deadline_us;
};

static struct {
	int port, most, timeout_ms, seconds;
	double rate;
	bool burst, keep_alive, headers, summary, quiet;
	const char *file;
} options = { .most = 64, .timeout_ms = 30000 };

static struct request *requests;
static long request_count;
static struct flight *flights;
static int epoll_fd;
static long next_index, flying;
static int64_t begun_us, ended_us;
static bool released; /* the burst has started */
static long by_status[ANSWER_STATUS_MAX];
static double *times_ms;
static long time_count, time_capacity;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void *must(void *memory)
{
	if (!memory)
		die("volley: memory");
	return memory;
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- requests ---- */

static const char *member(const cJSON *json, const char *name, const char *otherwise)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

	return text ? text : otherwise;
}

static void request_prepare(struct request *request, const cJSON *json)
{
	const char *method = member(json, "method", "GET");
	const char *body = member(json, "body", "");
	const cJSON *header;
	FILE *to = must(open_memstream(&request->bytes, &request->length));

	request->head = strcmp(method, "HEAD") == 0;
	fprintf(to, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: %s\r\n", method,
		member(json, "path", "/"), options.port,
		options.keep_alive ? "keep-alive" : "close");
	cJSON_ArrayForEach(header, cJSON_GetObjectItemCaseSensitive(
					   json, "headers")) if (cJSON_IsString(header))
		fprintf(to, "%s: %s\r\n", header->string, header->valuestring);
	if (*body || strcmp(method, "POST") == 0)
		fprintf(to, "Content-Length: %zu\r\n", strlen(body));
	fprintf(to, "\r\n%s", body);
	if (fclose(to))
		die("volley: memory");
}

static void requests_read(FILE *from)
{
	char *line = NULL;
	size_t size = 0;
	long capacity = 0;

	while (getline(&line, &size, from) > 0) {
		cJSON *json = cJSON_Parse(line);

		if (!cJSON_IsObject(json)) {
			fprintf(stderr, "volley: line %ld is no JSON object\n", request_count + 1);
			exit(2);
		}
		if (request_count == capacity) {
			capacity = capacity ? capacity * 2 : 256;
			requests = must(realloc(requests, (size_t)capacity * sizeof *requests));
		}
		request_prepare(&requests[request_count++], json);
		cJSON_Delete(json);
	}
	free(line);
	if (!request_count) {
		fputs("volley: no requests\n", stderr);
		exit(2);
	}
}

/* ---- report ---- */

static cJSON *headers_json(char *head)
{
	cJSON *json = must(cJSON_CreateObject());
	char *line, *rest = strstr(head, "\r\n");

	while (rest && (line = strtok_r(NULL, "\r\n", &rest))) {
		char *value = strchr(line, ':');

		if (!value)
			continue;
		*value++ = '\0';
		for (char *c = line; *c; c++)
			*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 'a' - 'A' : *c);
		cJSON_AddStringToObject(json, line, value + strspn(value, " "));
	}
	return json;
}

static void line_print(struct flight *flight, const struct answer *answer, double ms,
		       const char *error)
{
	cJSON *json = must(cJSON_CreateObject());
	char *text;

	cJSON_AddNumberToObject(json, "i", (double)flight->index);
	cJSON_AddNumberToObject(json, "status", answer ? answer->status : 0);
	cJSON_AddNumberToObject(json, "ms", (double)(int64_t)(ms * 1000) / 1000);
	if (answer) {
		flight->in[answer->end] = '\0';
		cJSON_AddStringToObject(json, "body", flight->in + answer->body);
		flight->in[answer->body - 2] = '\0';
		if (options.headers)
			cJSON_AddItemToObject(json, "headers", headers_json(flight->in));
	} else {
		cJSON_AddStringToObject(json, "error", error);
	}
	text = must(cJSON_PrintUnformatted(json));
	puts(text);
	free(text);
	cJSON_Delete(json);
}

static void time_note(double ms)
{
	if (time_count == time_capacity) {
		time_capacity = time_capacity ? time_capacity * 2 : 1024;
		times_ms = must(realloc(times_ms, (size_t)time_capacity * sizeof *times_ms));
	}
	times_ms[time_count++] = ms;
}

static int time_compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double time_at(double share)
{
	return time_count ? times_ms[(long)(share * (double)(time_count - 1))] : 0;
}

static void summary_print(void)
{
	double seconds = (double)(ended_us - begun_us) / 1e6;
	const char *between = "";

	qsort(times_ms, (size_t)time_count, sizeof *times_ms, time_compare);
	printf("{\"summary\":{\"requests\":%ld,\"errors\":%ld,\"seconds\":%.3f,\"perSecond\":%.1f,"
	       "\"p50Ms\":%.3f,\"p95Ms\":%.3f,\"p99Ms\":%.3f,\"maxMs\":%.3f,\"statuses\":{",
	       time_count, by_status[0], seconds, seconds > 0 ? (double)time_count / seconds : 0,
	       time_at(0.50), time_at(0.95), time_at(0.99), time_at(1));
	for (int status = 0; status < ANSWER_STATUS_MAX; status++) {
		if (!by_status[status])
			continue;
		printf("%s\"%d\":%ld", between, status, by_status[status]);
		between = ",";
	}
	puts("}}}");
}

/* ---- flights ---- */

static void flight_watch(struct flight *flight, uint32_t events, int how)
{
	struct epoll_event event = { .events = events, .data.ptr = flight };

	if (epoll_ctl(epoll_fd, how, flight->fd, &event))
		die("volley: epoll_ctl");
}

/* Takes an answer (or NULL and why there is none) and frees the slot. */
static void flight_end(struct flight *flight, const struct answer *answer, const char *error)
{
	double ms = (double)(now_us() - flight->due_us) / 1000;

	by_status[answer ? answer->status : 0]++;
	time_note(ms);
	if (!options.quiet)
		line_print(flight, answer, ms, error);
	if (!answer || !answer->keep || !options.keep_alive) {
		close(flight->fd);
		flight->fd = -1;
	}
	flight->state = FREE;
	flight->length = 0;
	flying--;
	ended_us = now_us();
}

static void flight_send(struct flight *flight)
{
	ssize_t sent;

	flight->state = SENDING;
	sent = send(flight->fd, flight->request->bytes + flight->sent,
		    flight->request->length - flight->sent, MSG_NOSIGNAL);
	/* a server may refuse before it has read the whole request: read its answer */
	if (sent < 0 && errno != EAGAIN && errno != EPIPE && errno != ECONNRESET) {
		flight_end(flight, NULL, strerror(errno));
		return;
	}
	flight->sent += sent > 0 ? (size_t)sent : 0;
	if (flight->sent == flight->request->length || (sent < 0 && errno != EAGAIN))
		flight->state = READING;
	flight_watch(flight, flight->state == SENDING ? EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

static void flight_connect(struct flight *flight)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)options.port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	flight->kept = false;
	flight->state = CONNECTING;
	flight->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (flight->fd < 0)
		die("volley: socket");
	setsockopt(flight->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (connect(flight->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
		flight_end(flight, NULL, strerror(errno));
	else
		flight_watch(flight, EPOLLOUT, EPOLL_CTL_ADD);
}

static void flight_start(struct flight *flight, int64_t due_us)
{
	flight->index = next_index++;
	flight->request = &requests[flight->index % request_count];
	flight->sent = 0;
	flight->due_us = due_us;
	flight->deadline_us = now_us() + (int64_t)options.timeout_ms * 1000;
	flying++;
	if (flight->fd < 0) {
		flight_connect(flight);
		return;
	}
	flight->kept = true;
	flight_send(flight);
}

static void flight_connected(struct flight *flight)
{
	int error = 0;
	socklen_t size = sizeof error;

	getsockopt(flight->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		flight_end(flight, NULL, strerror(error));
		return;
	}
	if (!options.burst || released) {
		flight_send(flight);
		return;
	}
	flight->state = READY;
	flight_watch(flight, 0, EPOLL_CTL_MOD);
}

/* The server closed the kept connection at the same moment: send the request again. */
static void flight_broken(struct flight *flight, const char *error)
{
	if (!flight->kept || flight->length) {
		flight_end(flight, NULL, error);
		return;
	}
	close(flight->fd);
	flight->sent = 0;
	flight_connect(flight);
}

static void flight_read(struct flight *flight)
{
	struct answer answer = { 0 };
	ssize_t got;

	if (flight->capacity - flight->length < 4097) {
		flight->capacity += 8192;
		flight->in = must(realloc(flight->in, flight->capacity));
	}
	got = recv(flight->fd, flight->in + flight->length, flight->capacity - flight->length - 1,
		   0);
	if (got < 0 && errno == EAGAIN)
		return;
	flight->length += got > 0 ? (size_t)got : 0;
	flight->in[flight->length] = '\0';
	if (answer_parse(flight->in, flight->length, flight->request->head, got <= 0, &answer))
		flight_end(flight, &answer, NULL);
	else if (got <= 0)
		flight_broken(flight, got ? strerror(errno) : "closed without an answer");
}

static void flight_event(struct flight *flight)
{
	switch (flight->state) {
	case CONNECTING:
		flight_connected(flight);
		break;
	case SENDING:
		flight_send(flight);
		break;
	case READING:
		flight_read(flight);
		break;
	case READY:
		flight_end(flight, NULL, "closed before the request was sent");
		break;
	case FREE: /* an idle kept connection was closed by the server */
		close(flight->fd);
		flight->fd = -1;
		break;
	}
}

/* ---- the volley ---- */

static bool more_wanted(void)
{
	if (options.seconds)
		return now_us() - begun_us < (int64_t)options.seconds * 1000000;
	return next_index < request_count;
}

static int64_t next_due_us(void)
{
	if (options.rate <= 0)
		return now_us();
	return begun_us + (int64_t)((double)next_index / options.rate * 1e6);
}

static void start_due(void)
{
	int started = 0;

	for (int i = 0; i < options.most && started < CONNECTS_A_TURN; i++) {
		if (!more_wanted() || next_due_us() > now_us())
			return;
		if (flights[i].state != FREE)
			continue;
		flight_start(&flights[i], next_due_us());
		started++;
	}
}

/* Starts the burst when all connections are ready; the clock starts here. */
static void release_burst(void)
{
	if (!options.burst || released || (more_wanted() && flying < options.most))
		return;
	for (int i = 0; i < options.most; i++)
		if (flights[i].state == CONNECTING)
			return;
	released = true;
	begun_us = now_us();
	for (int i = 0; i < options.most; i++) {
		if (flights[i].state != READY)
			continue;
		flights[i].due_us = now_us();
		flights[i].deadline_us = flights[i].due_us + (int64_t)options.timeout_ms * 1000;
		flight_send(&flights[i]);
	}
}

static void expire(void)
{
	static int64_t looked_us;
	int64_t now = now_us();

	if (now - looked_us < 50000)
		return;
	looked_us = now;
	for (int i = 0; i < options.most; i++)
		if (flights[i].state != FREE && now > flights[i].deadline_us)
			flight_end(&flights[i], NULL, "timeout");
}

static int wait_ms(void)
{
	int64_t left_us = next_due_us() - now_us();

	if (!more_wanted() || flying >= options.most)
		return 50;
	if (options.burst && !released)
		return 0;
	return left_us <= 0 ? 0 : left_us < 50000 ? (int)((left_us + 999) / 1000) : 50;
}

static void fly(void)
{
	struct epoll_event events[EVENTS_A_TURN];

	begun_us = now_us();
	while (more_wanted() || flying) {
		int count;

		start_due();
		release_burst();
		count = epoll_wait(epoll_fd, events, EVENTS_A_TURN, wait_ms());
		for (int i = 0; i < count; i++)
			flight_event(events[i].data.ptr);
		expire();
	}
}

static void usage(void)
{
	fputs("usage: volley -p PORT [-c MOST] [-r RATE] [-d SECONDS] [-t TIMEOUT_MS] [--burst]\n"
	      "              [--keep-alive] [--headers] [--summary] [--quiet] [FILE]\n",
	      stderr);
	exit(2);
}

static void options_read(int argc, char **argv)
{
	static const struct option names[] = {
		{ "burst", no_argument, NULL, 'b' },   { "keep-alive", no_argument, NULL, 'k' },
		{ "headers", no_argument, NULL, 'h' }, { "summary", no_argument, NULL, 's' },
		{ "quiet", no_argument, NULL, 'q' },   { NULL, 0, NULL, 0 }
	};
	int option;

	while ((option = getopt_long(argc, argv, "p:c:r:d:t:", names, NULL)) != -1) {
		switch (option) {
		case 'p':
			options.port = atoi(optarg);
			break;
		case 'c':
			options.most = atoi(optarg);
			break;
		case 'r':
			options.rate = atof(optarg);
			break;
		case 'd':
			options.seconds = atoi(optarg);
			break;
		case 't':
			options.timeout_ms = atoi(optarg);
			break;
		case 'b':
			options.burst = true;
			break;
		case 'k':
			options.keep_alive = true;
			break;
		case 'h':
			options.headers = true;
			break;
		case 's':
			options.summary = true;
			break;
		case 'q':
			options.quiet = true;
			break;
		default:
			usage();
		}
	}
	options.file = argv[optind];
	if (options.port < 1 || options.port > 65535 || options.most < 1 || options.timeout_ms < 1)
		usage();
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		die("volley: getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("volley: setrlimit");
}

static void flights_prepare(void)
{
	flights = must(calloc((size_t)options.most, sizeof *flights));
	for (int i = 0; i < options.most; i++)
		flights[i].fd = -1;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		die("volley: epoll_create1");
}

static void all_free(void)
{
	for (int i = 0; i < options.most; i++) {
		if (flights[i].fd >= 0)
			close(flights[i].fd);
		free(flights[i].in);
	}
	for (long i = 0; i < request_count; i++)
		free(requests[i].bytes);
	free(flights);
	free(requests);
	free(times_ms);
	close(epoll_fd);
}

int main(int argc, char **argv)
{
	FILE *from = stdin;

	options_read(argc, argv);
	if (options.file && !(from = fopen(options.file, "r")))
		die(options.file);
	requests_read(from);
	if (from != stdin)
		fclose(from);
	raise_descriptor_limit();
	flights_prepare();
	fly();
	if (options.summary)
		summary_print();
	all_free();
	return 0;
}
