#define _GNU_SOURCE 1 /* accept4 */

#include "fcgi/server/admin.h"
#include "config.h"

#include "base/clock.h"
#include "base/json_out.h"
#include "fcgi/http/http_text.h"
#include "fcgi/server/listener.h"
#include "pay/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADMIN_BACKLOG 16
#define REQUEST_MAX 4096
#define READY_KEPT_MS 500 /* one check of the database serves all requests of this time */

struct admin {
	int listen_fd;
	struct service *service;
	pthread_t thread;
	atomic_bool stopping;
	int64_t started_ms;
	int64_t ready_ms; /* when the last check ran; 0: never */
	bool ready;
	struct buf why;
};

struct reply {
	int http;
	const char *type;
	struct buf body;
};

static void ask_ready(struct admin *admin)
{
	int64_t now_ms = clock_mono_ms();

	if (admin->ready_ms != 0 && now_ms - admin->ready_ms < READY_KEPT_MS)
		return;
	buf_reset(&admin->why);
	admin->ready = service_ready(admin->service, &admin->why) == STATUS_OK;
	admin->ready_ms = now_ms;
}

static void reply_health(struct admin *admin, struct reply *reply)
{
	(void)admin;
	buf_puts(&reply->body, "{\"status\":\"ok\"}\n");
}

static void reply_ready(struct admin *admin, struct reply *reply)
{
	struct json_out out = { .buf = &reply->body };

	ask_ready(admin);
	reply->http = admin->ready ? 200 : 503;
	json_object_begin(&out, NULL);
	json_string(&out, "status", admin->ready ? "ready" : "not ready");
	if (!admin->ready)
		json_string(&out, "reason", buf_text(&admin->why));
	json_object_end(&out);
}

static void reply_status(struct admin *admin, struct reply *reply)
{
	struct db_pool_state pool = db_pool_state(admin->service->pool);
	struct json_out out = { .buf = &reply->body };

	json_object_begin(&out, NULL);
	json_string(&out, "version", PACKAGE_VERSION);
	json_integer(&out, "pid", getpid());
	json_integer(&out, "uptime", (clock_mono_ms() - admin->started_ms) / 1000);
	json_object_begin(&out, "database");
	json_bool(&out, "down", pool.down);
	json_integer(&out, "open", pool.open);
	json_integer(&out, "busy", pool.busy);
	json_integer(&out, "waiting", pool.waiting);
	json_object_end(&out);
	json_object_end(&out);
}

static void reply_metrics(struct admin *admin, struct reply *reply)
{
	(void)admin;
	reply->type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_write(&reply->body);
}

static void reply_page(struct admin *admin, const char *line, struct reply *reply)
{
	static const struct {
		const char *start;
		void (*write)(struct admin *, struct reply *);
	} pages[] = {
		{ "GET /health ", reply_health },
		{ "GET /ready ", reply_ready },
		{ "GET /status ", reply_status },
		{ "GET /metrics ", reply_metrics },
	};

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strncmp(line, pages[i].start, strlen(pages[i].start)) == 0) {
			pages[i].write(admin, reply);
			return;
		}
	}
	reply->http = strncmp(line, "GET ", 4) == 0 ? 404 : 405;
	buf_puts(&reply->body, "{\"error\":\"GET /health, /ready, /status or /metrics\"}\n");
}

/* Reads up to the end of the headers and ignores them. False: no complete request came in time. */
static bool read_request(int fd, char text[REQUEST_MAX])
{
	int64_t until_ms = clock_mono_ms() + ADMIN_PATIENCE_MS;
	size_t length = 0;
	ssize_t got;

	do {
		got = recv(fd, text + length, REQUEST_MAX - 1 - length, 0);
		if (got <= 0)
			return false;
		length += (size_t)got;
		text[length] = '\0';
		if (strstr(text, "\r\n\r\n"))
			return true;
	} while (length < REQUEST_MAX - 1 && clock_mono_ms() < until_ms);
	return false;
}

static void send_all(int fd, const struct buf *bytes)
{
	size_t sent = 0;
	ssize_t done;

	while (sent < bytes->length) {
		done = send(fd, bytes->data + sent, bytes->length - sent, MSG_NOSIGNAL);
		if (done <= 0)
			return;
		sent += (size_t)done;
	}
}

static void serve(struct admin *admin, int fd)
{
	struct reply reply = { .http = 200, .type = "application/json; charset=utf-8" };
	struct buf answer = { .data = NULL };
	char text[REQUEST_MAX];

	socket_set_timeouts(fd, ADMIN_PATIENCE_MS);
	if (!read_request(fd, text))
		return;
	reply_page(admin, text, &reply);
	buf_printf(&answer,
		   "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: "
		   "close\r\n\r\n",
		   reply.http, http_reason(reply.http), reply.type, reply.body.length);
	buf_append(&answer, buf_text(&reply.body), reply.body.length);
	if (!answer.failed && !reply.body.failed)
		send_all(fd, &answer);
	buf_free(&answer);
	buf_free(&reply.body);
}

static void *admin_run(void *argument)
{
	struct admin *admin = argument;

	while (!atomic_load(&admin->stopping)) {
		int fd = accept4(admin->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0) {
			serve(admin, fd);
			close(fd);
		}
	}
	return NULL;
}

struct admin *admin_start(const char *address, struct service *service, struct buf *why)
{
	struct admin *admin = calloc(1, sizeof(*admin));

	if (!admin) {
		buf_puts(why, "out of memory");
		return NULL;
	}
	admin->service = service;
	admin->started_ms = clock_mono_ms();
	admin->listen_fd = listener_open(address, ADMIN_BACKLOG, true, why);
	if (admin->listen_fd >= 0) {
		/* accept returns, and `stopping` is read */
		socket_set_timeouts(admin->listen_fd, ADMIN_PATIENCE_MS);
		if (pthread_create(&admin->thread, NULL, admin_run, admin) == 0)
			return admin;
		buf_puts(why, "no thread could be started");
		close(admin->listen_fd);
	}
	free(admin);
	return NULL;
}

void admin_stop(struct admin *admin)
{
	if (admin)
		atomic_store(&admin->stopping, true);
}

void admin_join(struct admin *admin)
{
	if (!admin)
		return;
	pthread_join(admin->thread, NULL);
	close(admin->listen_fd);
	buf_free(&admin->why);
	free(admin);
}
