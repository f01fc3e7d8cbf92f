/* Preflight of the server and the role. */
#include "db/preflight.h"

#include "base/clock.h"
#include "db/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_VERSION_MIN 130000 /* gen_random_uuid() without an extension */
#define CLOCK_SKEW_MAX_MS 2000	  /* tokens expire by our clock, holds by that of the database */

PGresult *probe_ask(struct probe *probe, const char *name, const char *sql, int count,
		    const char *const *params)
{
	PGresult *result = adhoc_query(probe->pg, sql, count, params);

	if (adhoc_ok(result))
		return result;
	preflight_add(probe->report, PREFLIGHT_FAIL, name, NULL, "the check failed: %s",
		      adhoc_why(result));
	PQclear(result);
	return NULL;
}

static void probe_version(struct probe *probe)
{
	int version = PQserverVersion(probe->pg);
	const char *text = PQparameterStatus(probe->pg, "server_version");

	if (version < SERVER_VERSION_MIN)
		preflight_add(probe->report, PREFLIGHT_FAIL, "version",
			      "use PostgreSQL 13 or later", "the server is PostgreSQL %s",
			      text ? text : "?");
	else
		preflight_add(probe->report, PREFLIGHT_OK, "version", NULL, "PostgreSQL %s",
			      text ? text : "?");
}

/* Compares with the middle of the round trip. */
static void probe_clock(struct probe *probe)
{
	int64_t before_ms = clock_unix_ms(), after_ms, skew_ms;
	PGresult *result =
		probe_ask(probe, "clock",
			  "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint", 0, NULL);

	if (!result)
		return;
	after_ms = clock_unix_ms();
	skew_ms = atoll(adhoc_text(result, 0, 0)) - (before_ms + after_ms) / 2;
	PQclear(result);
	if (llabs(skew_ms) > CLOCK_SKEW_MAX_MS)
		preflight_add(probe->report, PREFLIGHT_WARN, "clock",
			      "run chrony or systemd-timesyncd on both machines",
			      "the clocks of the database and this machine differ by %lld ms",
			      (long long)skew_ms);
	else
		preflight_add(
			probe->report, PREFLIGHT_OK, "clock", NULL,
			"the clocks of the database and this machine differ by less than %d ms",
			CLOCK_SKEW_MAX_MS);
}

/* A pooler reports a process id that is not the server's. */
static void probe_pooler(struct probe *probe)
{
	PGresult *result = probe_ask(probe, "pooler", "SELECT pg_backend_pid()", 0, NULL);
	bool pooled;

	if (!result)
		return;
	pooled = atoi(adhoc_text(result, 0, 0)) != PQbackendPID(probe->pg);
	PQclear(result);
	if (pooled && probe->settings->prepared_statements)
		preflight_add(
			probe->report, PREFLIGHT_WARN, "pooler",
			"PAYMENTS_PREPARED_STATEMENTS=off, unless it is pgbouncer 1.21 or later "
			"with max_prepared_statements set",
			"there is a connection pooler, and prepared statements are on");
	else
		preflight_add(probe->report, PREFLIGHT_OK, "pooler", NULL, "%s",
			      pooled ? "a connection pooler; prepared statements are off" : "none");
}

static void probe_room(struct probe *probe)
{
	static const char sql[] =
		"SELECT current_setting('max_connections')::int"
		" - current_setting('superuser_reserved_connections')::int,"
		" (SELECT count(*) FROM pg_stat_activity"
		"  WHERE backend_type = 'client backend' AND usename IS DISTINCT FROM "
		"current_user),"
		" (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user)";
	int wanted = probe->workers * probe->settings->db_connections;
	PGresult *result = probe_ask(probe, "room", sql, 0, NULL);
	int room, others, limit;

	if (!result)
		return;
	room = atoi(adhoc_text(result, 0, 0));
	others = atoi(adhoc_text(result, 0, 1));
	limit = atoi(adhoc_text(result, 0, 2));
	PQclear(result);
	if (wanted > room - others || (limit >= 0 && wanted > limit))
		preflight_add(probe->report, PREFLIGHT_WARN, "room",
			      "lower PAYMENTS_DB_CONNECTIONS, or raise max_connections",
			      "%d workers need up to %d connections; %d are allowed, others use %d",
			      probe->workers, wanted, limit >= 0 && limit < room ? limit : room,
			      others);
	else
		preflight_add(probe->report, PREFLIGHT_OK, "room", NULL,
			      "%d workers need up to %d connections of %d, others use %d",
			      probe->workers, wanted, room, others);
}

/* Limits of the role: they hold on every connection, behind a pooler too. */
/* clang-format off */
static const struct limit {
	const char *name;
	int most_ms;
	const char *why;
} limits[] = {
	{ "lock_timeout", 2000, "a request may wait for a lock for ever" },
	{ "statement_timeout", 5000, "a statement may run after its client has gone" },
	{ "idle_in_transaction_session_timeout", 60000, "a worker that hangs keeps its row locks" },
};
/* clang-format on */

static void probe_limit(struct probe *probe, const struct limit *limit)
{
	const char *const params[] = { limit->name };
	PGresult *result = probe_ask(probe, "limits",
				     "SELECT setting FROM pg_settings WHERE name = $1", 1, params);
	char remedy[512];
	int now_ms;

	if (!result)
		return;
	now_ms = PQntuples(result) ? atoi(adhoc_text(result, 0, 0)) : 0;
	PQclear(result);
	snprintf(remedy, sizeof(remedy), "ALTER ROLE %s SET %s = '%ds';", probe->role, limit->name,
		 limit->most_ms / 1000);
	if (now_ms == 0)
		preflight_add(probe->report, PREFLIGHT_WARN, "limits", remedy, "%s is off: %s",
			      limit->name, limit->why);
	else if (now_ms > limit->most_ms)
		preflight_add(probe->report, PREFLIGHT_WARN, "limits", remedy, "%s is %d ms: %s",
			      limit->name, now_ms, limit->why);
	else
		preflight_add(probe->report, PREFLIGHT_OK, "limits", NULL, "%s is %d ms",
			      limit->name, now_ms);
}

/* Plans may have been made while the tables were empty: see schema/grants.sql. */
static void probe_plans(struct probe *probe)
{
	PGresult *result = probe_ask(probe, "plans",
				     "SELECT current_setting('enable_seqscan') = 'off'", 0, NULL);
	char remedy[512];

	if (!result)
		return;
	snprintf(remedy, sizeof(remedy), "ALTER ROLE %s SET enable_seqscan = off;", probe->role);
	if (adhoc_true(result, 0, 0))
		preflight_add(probe->report, PREFLIGHT_OK, "plans", NULL, "enable_seqscan is off");
	else
		preflight_add(probe->report, PREFLIGHT_WARN, "plans", remedy,
			      "enable_seqscan is on: a plan made for a small table may scan a "
			      "large one");
	PQclear(result);
}

static void probe_role(struct probe *probe)
{
	PGresult *result =
		probe_ask(probe, "role",
			  "SELECT quote_ident(current_user), rolsuper, current_database()"
			  " FROM pg_roles WHERE rolname = current_user",
			  0, NULL);

	if (!result)
		return;
	snprintf(probe->role, sizeof(probe->role), "%s", adhoc_text(result, 0, 0));
	if (adhoc_true(result, 0, 1))
		preflight_add(probe->report, PREFLIGHT_WARN, "role",
			      "payctl migrate --grant payments_service, and connect as that role",
			      "%s is a superuser: a bug of the service could do anything",
			      probe->role);
	else
		preflight_add(probe->report, PREFLIGHT_OK, "role", NULL, "%s, database %s",
			      probe->role, adhoc_text(result, 0, 2));
	PQclear(result);
}

static bool probe_connect(struct probe *probe)
{
	char why[CONN_WHY_MAX];
	struct buf conninfo = { 0 };

	db_conninfo(probe->settings, &conninfo);
	probe->pg = conn_connect(buf_text(&conninfo), ADHOC_CONNECT_MS, why);
	buf_free(&conninfo);
	if (!probe->pg) {
		preflight_add(
			probe->report, PREFLIGHT_FAIL, "connection",
			"check DATABASE_URL or DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD",
			"%s", why);
		return false;
	}
	preflight_add(probe->report, PREFLIGHT_OK, "connection", NULL, "%s port %s",
		      PQhost(probe->pg), PQport(probe->pg));
	return true;
}

void preflight_database(struct preflight *report, const struct settings *settings, int workers)
{
	struct probe probe = { .report = report, .settings = settings, .workers = workers };

	if (!probe_connect(&probe))
		return;
	probe_version(&probe);
	probe_role(&probe);
	probe_clock(&probe);
	probe_pooler(&probe);
	probe_room(&probe);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		probe_limit(&probe, &limits[i]);
	probe_plans(&probe);
	probe_schema(&probe);
	PQfinish(probe.pg);
}
