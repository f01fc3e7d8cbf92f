/* One connection: opened within a deadline, checked before it is used again. */
#include "db/internal.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* An idle connection may hold a notice, a changed parameter and the end of the stream. */
#define IDLE_READS_MAX 4

bool conn_wait(PGconn *pg, short events, int64_t deadline_ms)
{
	struct pollfd fd = { .fd = PQsocket(pg), .events = events };

	for (;;) {
		int64_t left_ms = deadline_ms - clock_mono_ms();
		int ready = poll(&fd, 1, left_ms > 0 ? (int)left_ms : 0);

		if (ready > 0)
			return true;
		if (ready == 0 && left_ms <= 0)
			return false;
		if (ready < 0 && errno != EINTR)
			return false;
	}
}

/* libpq would print notices to stderr, between the JSON lines of the log. */
static void conn_ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

/* libpq's messages have several lines; a log message has one. */
static void conn_explain(char why[CONN_WHY_MAX], const char *message)
{
	size_t length;

	snprintf(why, CONN_WHY_MAX, "%s", message);
	for (length = strlen(why); length > 0 && strchr("\n ", why[length - 1]); length--)
		why[length - 1] = '\0';
	for (char *c = why; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
}

static PGconn *conn_begin(const char *conninfo)
{
	/* After "dbname", so that it overrides the connection string: our JSON is always UTF-8. */
	const char *const keywords[] = { "dbname", "client_encoding", NULL };
	const char *const values[] = { conninfo, "UTF8", NULL };

	return PQconnectStartParams(keywords, values, 1);
}

static int conn_count_hosts(PGconn *pg)
{
	PQconninfoOption *options = PQconninfo(pg);
	int hosts = 1;

	for (const PQconninfoOption *o = options; o && o->keyword; o++) {
		int count = 1;

		if (!o->val ||
		    (strcmp(o->keyword, "host") != 0 && strcmp(o->keyword, "hostaddr") != 0))
			continue;
		for (const char *comma = o->val; (comma = strchr(comma, ',')); comma++)
			count++;
		hosts = count > hosts ? count : hosts;
	}
	PQconninfoFree(options);
	return hosts;
}

/*
 * Each host gets an equal share of the time. libpq's non-blocking connect has no timeout of its
 * own, and a host that drops packets would use up the whole deadline. When the share is over we
 * shut the socket down; libpq then tries the next host.
 */
static bool conn_drive(PGconn *pg, int32_t timeout_ms)
{
	int64_t deadline_ms = clock_mono_ms() + timeout_ms;
	int64_t share_ms = timeout_ms / conn_count_hosts(pg);
	int64_t turn_ms = clock_mono_ms() + share_ms;
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
		short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;

		if (!conn_wait(pg, events, turn_ms)) {
			if (turn_ms >= deadline_ms)
				return false;
			shutdown(PQsocket(pg), SHUT_RDWR);
			turn_ms =
				turn_ms + share_ms < deadline_ms ? turn_ms + share_ms : deadline_ms;
		}
		status = PQconnectPoll(pg);
	}
	return status == PGRES_POLLING_OK;
}

PGconn *conn_connect(const char *conninfo, int32_t timeout_ms, char why[CONN_WHY_MAX])
{
	PGconn *pg = conn_begin(conninfo);

	if (!pg) {
		conn_explain(why, "out of memory");
		return NULL;
	}
	if (PQstatus(pg) != CONNECTION_BAD && conn_drive(pg, timeout_ms)) {
		PQsetNoticeReceiver(pg, conn_ignore_notice, NULL);
		return pg;
	}
	conn_explain(why, *PQerrorMessage(pg) ? PQerrorMessage(pg) : "no answer in time");
	PQfinish(pg);
	return NULL;
}

struct db_conn *conn_open(const char *conninfo, int32_t timeout_ms, char why[CONN_WHY_MAX])
{
	struct db_conn *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		conn_explain(why, "out of memory");
		return NULL;
	}
	conn->pg = conn_connect(conninfo, timeout_ms, why);
	if (!conn->pg) {
		free(conn);
		return NULL;
	}
	if (PQsetnonblocking(conn->pg, 1) != 0 || !PQenterPipelineMode(conn->pg)) {
		conn_explain(why, PQerrorMessage(conn->pg));
		conn_close(conn);
		return NULL;
	}
	return conn;
}

void conn_close(struct db_conn *conn)
{
	PQfinish(conn->pg);
	free(conn);
}

bool conn_alive(struct db_conn *conn)
{
	int64_t now_ms = clock_mono_ms();

	for (int reads = 0; reads < IDLE_READS_MAX && conn_wait(conn->pg, POLLIN, now_ms);
	     reads++) {
		if (!PQconsumeInput(conn->pg))
			return false;
		PQisBusy(conn->pg); /* consumes what has arrived */
	}
	return PQstatus(conn->pg) == CONNECTION_OK;
}
