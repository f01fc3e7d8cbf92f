/* Preflight: most checks are queries of preflight.sql, which judge and word what they find. */
#include "db/preflight.h"

#include "base/clock.h"
#include "base/decimal.h"
#include "base/json_out.h"
#include "db/internal.h"
#include "db/migrations.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const verdict_names[] = { "ok", "warn", "fail" };

static const enum sql_id checks[] = {
	SQL_PREFLIGHT_VERSION, SQL_PREFLIGHT_ROLE,    SQL_PREFLIGHT_CLOCK, SQL_PREFLIGHT_POOLER,
	SQL_PREFLIGHT_ROOM,    SQL_PREFLIGHT_LIMITS,  SQL_PREFLIGHT_PLANS, SQL_PREFLIGHT_RIGHTS,
	SQL_PREFLIGHT_EXCESS,  SQL_PREFLIGHT_EXPIRED, SQL_PREFLIGHT_INDEX, SQL_PREFLIGHT_HOLDS,
};

void preflight_add(struct preflight *report, enum preflight_verdict verdict, const char *name,
		   const char *remedy, const char *format, ...)
{
	struct preflight_line *line = &report->lines[report->count];
	va_list args;

	if (report->count == PREFLIGHT_LINES_MAX) {
		report->verdict = PREFLIGHT_FAIL;
		return;
	}
	if (verdict > report->verdict)
		report->verdict = verdict;
	line->verdict = verdict;
	line->name = name;
	snprintf(line->remedy, sizeof(line->remedy), "%s", remedy ? remedy : "");
	va_start(args, format);
	vsnprintf(line->text, sizeof(line->text), format, args);
	va_end(args);
	report->count++;
}

static PGconn *preflight_connect(struct preflight *report, const struct settings *settings)
{
	char why[CONN_WHY_MAX];
	struct buf conninfo = { 0 };
	PGconn *pg;

	db_conninfo(settings, &conninfo);
	pg = conn_connect(buf_text(&conninfo), ADHOC_CONNECT_MS, why);
	buf_free(&conninfo);
	if (pg)
		preflight_add(report, PREFLIGHT_OK, "connection", NULL, "%s port %s", PQhost(pg),
			      PQport(pg));
	else
		preflight_add(
			report, PREFLIGHT_FAIL, "connection",
			"check DATABASE_URL or DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD",
			"%s", why);
	return pg;
}

static void preflight_row(struct preflight *report, const char *name, const PGresult *result,
			  int row)
{
	enum preflight_verdict verdict = PREFLIGHT_OK;

	while (verdict < PREFLIGHT_FAIL &&
	       strcmp(PQgetvalue(result, row, 0), verdict_names[verdict]) != 0)
		verdict++;
	if (verdict == PREFLIGHT_OK)
		preflight_add(report, verdict, name, NULL, "%s", PQgetvalue(result, row, 1));
	else
		preflight_add(report, verdict, name, PQgetvalue(result, row, 3), "%s",
			      PQgetvalue(result, row, 2));
}

static void preflight_check(struct preflight *report, const struct settings *settings, int workers,
			    PGconn *pg, enum sql_id check)
{
	const struct sql_statement *sql = sql_statement(check);
	const char *name = sql->name + strlen("preflight_");
	struct decimal worker_count = decimal(workers), backend_pid = decimal(PQbackendPID(pg)),
		       connections = decimal(settings->db_connections),
		       here_ms = decimal(clock_unix_ms());
	const char *const params[] = { worker_count.text, connections.text,
				       settings->prepared_statements ? "true" : "false",
				       backend_pid.text, here_ms.text };
	PGresult *result = adhoc_query(pg, sql->text, sql->params, params);

	if (!adhoc_ok(result))
		preflight_add(report, PREFLIGHT_FAIL, name, NULL, "the check failed: %s",
			      adhoc_why(result));
	for (int row = 0; row < PQntuples(result); row++)
		preflight_row(report, name, result, row);
	PQclear(result);
}

/* The highest migration of the rows (number, checksum); -1: one differs from this build's. */
static int schema_version(const PGresult *result)
{
	int version = 0;

	for (int row = 0; row < PQntuples(result); row++) {
		version = atoi(PQgetvalue(result, row, 0));
		if (migration_is_changed(version, PQgetvalue(result, row, 1)))
			return -1;
	}
	return version;
}

static void preflight_schema(struct preflight *report, PGconn *pg)
{
	int wanted = migrations_count ? migrations[migrations_count - 1].number : 0, version;
	PGresult *result = adhoc_query(
		pg, "SELECT number, checksum FROM payments.schema_versions ORDER BY number", 0,
		NULL);

	if (!adhoc_ok(result))
		preflight_add(report, PREFLIGHT_FAIL, "schema", "payctl migrate --grant ROLE",
			      "schema payments cannot be read: %s", adhoc_why(result));
	else if ((version = schema_version(result)) < 0)
		preflight_add(report, PREFLIGHT_FAIL, "schema",
			      "use the build that applied it, or a newer one",
			      "an applied migration differs from this build's");
	else if (version < wanted)
		preflight_add(report, PREFLIGHT_FAIL, "schema", "payctl migrate",
			      "schema payments is at %d, this build needs %d", version, wanted);
	else if (version > wanted)
		preflight_add(report, PREFLIGHT_WARN, "schema",
			      "install the newer build on this machine",
			      "schema payments is at %d, this build knows %d", version, wanted);
	else
		preflight_add(report, PREFLIGHT_OK, "schema", NULL, "schema payments is at %d",
			      version);
	PQclear(result);
}

void preflight_database(struct preflight *report, const struct settings *settings, int workers)
{
	PGconn *pg = preflight_connect(report, settings);

	if (!pg)
		return;
	preflight_schema(report, pg);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		preflight_check(report, settings, workers, pg, checks[i]);
	PQfinish(pg);
}

void preflight_print(const struct preflight *report, FILE *out)
{
	for (int i = 0; i < report->count; i++) {
		const struct preflight_line *line = &report->lines[i];

		fprintf(out, "%-5s %-14s %s\n", verdict_names[line->verdict], line->name,
			line->text);
		if (line->remedy[0])
			fprintf(out, "%20s -> %s\n", "", line->remedy);
	}
}

static void line_json(struct json_out *json, const struct preflight_line *line)
{
	json_object_begin(json, NULL);
	json_string(json, "verdict", verdict_names[line->verdict]);
	json_string(json, "name", line->name);
	json_string(json, "text", line->text);
	json_string(json, "remedy", line->remedy[0] ? line->remedy : NULL);
	json_object_end(json);
}

void preflight_print_json(const struct preflight *report, FILE *out)
{
	struct buf buf = { 0 };
	struct json_out json = { .buf = &buf };

	json_object_begin(&json, NULL);
	json_string(&json, "verdict", verdict_names[report->verdict]);
	json_array_begin(&json, "checks");
	for (int i = 0; i < report->count; i++)
		line_json(&json, &report->lines[i]);
	json_array_end(&json);
	json_object_end(&json);
	fprintf(out, "%s\n", buf_text(&buf));
	buf_free(&buf);
}
