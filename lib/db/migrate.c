/* Applies the embedded migrations and grants; payments.schema_versions lists what was applied. */
#include "db/migrate.h"

#include "db/internal.h"
#include "db/migrations.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define ROLE_PLACEHOLDER "@ROLE@"
#define CHECKSUM_SIZE 65

/* "payments" in ASCII: no other program uses it by accident. */
#define LOCK_KEY "x'7061796d656e7473'::bit(64)::bigint"

/*
 * Two runs at once: the second waits up to 60 s for the first. For a table we wait only 5 s: all
 * readers would queue behind us. The role's timeouts are for requests, not for building an index.
 */
static const char begin_sql[] = "BEGIN ISOLATION LEVEL READ COMMITTED;"
				"SET LOCAL statement_timeout = 0;"
				"SET LOCAL idle_in_transaction_session_timeout = '60s';"
				"SET LOCAL lock_timeout = '60s';"
				"SELECT pg_advisory_xact_lock(" LOCK_KEY ");"
				"SET LOCAL lock_timeout = '5s'";

static const char versions_sql[] = "CREATE SCHEMA IF NOT EXISTS payments;"
				   "CREATE TABLE IF NOT EXISTS payments.schema_versions ("
				   " number integer PRIMARY KEY,"
				   " name text NOT NULL,"
				   " checksum text NOT NULL,"
				   " applied_at timestamptz NOT NULL DEFAULT now())";

struct migrator {
	PGconn *pg;
	FILE *out;
	bool dry_run;
	bool has_versions; /* payments.schema_versions exists */
	int applied;
};

/* "0001 payments" */
struct label {
	char text[96];
};

static struct label migrate_label(const struct migration *migration)
{
	struct label label;

	snprintf(label.text, sizeof(label.text), "%04d %s", migration->number, migration->name);
	return label;
}

/* SHA-256 in hex: shows when a migration was changed after it was applied. */
static void migration_checksum(const char *text, char out[CHECKSUM_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;

	out[0] = '\0';
	if (!EVP_Digest(text, strlen(text), digest, &length, EVP_sha256(), NULL))
		return;
	for (unsigned int i = 0; i < length; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static const char *migrate_hint(const char *sqlstate)
{
	if (strcmp(sqlstate, SQLSTATE_LOCK_TIMEOUT) == 0)
		return "Another session has locked the table for 5 s. This step was not applied. "
		       "Run it again when the load is lower.";
	if (strcmp(sqlstate, SQLSTATE_NO_RIGHT) == 0)
		return "This role has no right to do it. Run it as the owner of the database: "
		       "payctl --database URL migrate.";
	return NULL;
}

static bool migrate_complain(const char *what, const PGresult *result)
{
	const char *hint = migrate_hint(error_sqlstate(result));

	fprintf(stderr, "migrate: %s: %s\n", what, adhoc_why(result));
	if (hint)
		fprintf(stderr, "%s\n", hint);
	return false;
}

static bool migrate_exec(struct migrator *m, const char *what, const char *sql)
{
	PGresult *result = PQexec(m->pg, sql);
	bool ok = adhoc_ok(result) || migrate_complain(what, result);

	PQclear(result);
	return ok;
}

static bool migrate_end(struct migrator *m, const char *what, bool ok)
{
	if (ok)
		return migrate_exec(m, what, "COMMIT");
	PQclear(PQexec(m->pg, "ROLLBACK"));
	return false;
}

/* Asks a yes-or-no question; `param` may be NULL. */
static bool migrate_ask(struct migrator *m, const char *what, const char *sql, const char *param,
			bool *yes)
{
	PGresult *result = adhoc_query(m->pg, sql, param ? 1 : 0, &param);
	bool ok = adhoc_ok(result) || migrate_complain(what, result);

	*yes = ok && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
	PQclear(result);
	return ok;
}

static bool migrate_make_versions(struct migrator *m)
{
	const char *what = "schema payments";

	if (!migrate_ask(m, what, "SELECT to_regclass('payments.schema_versions') IS NOT NULL",
			 NULL, &m->has_versions))
		return false;
	if (m->has_versions || m->dry_run)
		return true;
	m->has_versions = migrate_exec(m, what, begin_sql) &&
			  migrate_end(m, what, migrate_exec(m, what, versions_sql));
	return m->has_versions;
}

/* NULL: this build has no such migration. */
static const struct migration *migration_find(int number)
{
	for (int i = 0; i < migrations_count; i++)
		if (migrations[i].number == number)
			return &migrations[i];
	return NULL;
}

bool migration_is_changed(int number, const char *checksum)
{
	const struct migration *migration = migration_find(number);
	char built[CHECKSUM_SIZE];

	if (!migration)
		return false;
	migration_checksum(migration->text, built);
	return strcmp(built, checksum) != 0;
}

/* If an applied migration differs from this build's, the state of the tables is not known. */
static bool migrate_check_row(struct migrator *m, const PGresult *result, int row)
{
	int number = atoi(PQgetvalue(result, row, 0));
	const char *name = PQgetvalue(result, row, 1);

	if (!migration_find(number))
		fprintf(m->out, "%04d %s: applied by a newer build\n", number, name);
	if (!migration_is_changed(number, PQgetvalue(result, row, 2)))
		return true;
	fprintf(stderr,
		"migrate: %04d %s was changed after it was applied to this database.\n"
		"Never change a migration: undo the change and add a new migration. "
		"Nothing was done.\n",
		number, name);
	return false;
}

static bool migrate_check_rows(struct migrator *m)
{
	PGresult *result = adhoc_query(
		m->pg, "SELECT number, name, checksum FROM payments.schema_versions ORDER BY 1", 0,
		NULL);
	bool ok = adhoc_ok(result) || migrate_complain("schema_versions", result);

	for (int row = 0; ok && row < PQntuples(result); row++)
		ok = migrate_check_row(m, result, row);
	PQclear(result);
	return ok;
}

static bool migrate_check_applied(struct migrator *m)
{
	const char *what = "schema_versions";

	if (!m->has_versions)
		return true;
	return migrate_exec(m, what, begin_sql) && migrate_end(m, what, migrate_check_rows(m));
}

static bool migrate_is_applied(struct migrator *m, const struct migration *migration, bool *applied)
{
	char number[16];

	*applied = false;
	if (!m->has_versions)
		return true;
	snprintf(number, sizeof(number), "%d", migration->number);
	return migrate_ask(m, migrate_label(migration).text,
			   "SELECT EXISTS (SELECT FROM payments.schema_versions WHERE number = $1)",
			   number, applied);
}

static bool migrate_record(struct migrator *m, const struct migration *migration)
{
	char number[16], checksum[CHECKSUM_SIZE];
	const char *const params[] = { number, migration->name, checksum };
	PGresult *result;
	bool ok;

	snprintf(number, sizeof(number), "%d", migration->number);
	migration_checksum(migration->text, checksum);
	result = adhoc_query(m->pg,
			     "INSERT INTO payments.schema_versions (number, name, checksum)"
			     " VALUES ($1, $2, $3)",
			     3, params);
	ok = adhoc_ok(result) || migrate_complain(migrate_label(migration).text, result);
	PQclear(result);
	return ok;
}

static bool migrate_apply(struct migrator *m, const struct migration *migration)
{
	return m->dry_run || (migrate_exec(m, migrate_label(migration).text, migration->text) &&
			      migrate_record(m, migration));
}

/* Checks under the lock: another run may have applied it. */
static bool migrate_one(struct migrator *m, const struct migration *migration)
{
	struct label label = migrate_label(migration);
	bool applied, ok;

	if (!migrate_exec(m, label.text, begin_sql))
		return false;
	ok = migrate_is_applied(m, migration, &applied);
	if (ok && !applied)
		ok = migrate_apply(m, migration);
	ok = migrate_end(m, label.text, ok);
	if (ok && !applied) {
		fprintf(m->out, "%s: %s\n", label.text,
			m->dry_run ? "would be applied" : "applied");
		m->applied++;
	}
	return ok;
}

static bool migrate_all(struct migrator *m)
{
	if (!migrate_make_versions(m) || !migrate_check_applied(m))
		return false;
	for (int i = 0; i < migrations_count; i++)
		if (!migrate_one(m, &migrations[i]))
			return false;
	if (m->applied == 0)
		fprintf(m->out, "schema payments is up to date (%d)\n",
			migrations_count ? migrations[migrations_count - 1].number : 0);
	return true;
}

static bool migrate_make_role(struct migrator *m, const char *role, const char *identifier)
{
	struct buf sql = { 0 };
	bool exists, ok;

	if (!migrate_ask(m, role, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role,
			 &exists))
		return false;
	if (exists)
		return true;
	buf_printf(&sql, "CREATE ROLE %s LOGIN", identifier);
	ok = !sql.failed && migrate_exec(m, role, buf_text(&sql));
	if (ok)
		fprintf(m->out, "role %s: created, without a password\n", identifier);
	else
		fprintf(stderr, "Create the role by hand: %s;\n", buf_text(&sql));
	buf_free(&sql);
	return ok;
}

static void migrate_fill_in(struct buf *sql, const char *text, const char *identifier)
{
	const char *hole;

	while ((hole = strstr(text, ROLE_PLACEHOLDER))) {
		buf_append(sql, text, (size_t)(hole - text));
		buf_puts(sql, identifier);
		text = hole + strlen(ROLE_PLACEHOLDER);
	}
	buf_puts(sql, text);
}

static bool migrate_grant_as(struct migrator *m, const char *role, const char *identifier)
{
	struct buf sql = { 0 };
	bool ok;

	if (m->dry_run) {
		fprintf(m->out, "role %s: would get the service's rights\n", identifier);
		return true;
	}
	migrate_fill_in(&sql, grants_sql, identifier);
	ok = !sql.failed && migrate_exec(m, "grants", begin_sql);
	if (ok)
		ok = migrate_end(m, "grants",
				 migrate_make_role(m, role, identifier) &&
					 migrate_exec(m, "grants", buf_text(&sql)));
	if (ok)
		fprintf(m->out, "role %s: has the service's rights\n", identifier);
	buf_free(&sql);
	return ok;
}

static bool migrate_grant(struct migrator *m, const char *role)
{
	char *identifier = PQescapeIdentifier(m->pg, role, strlen(role));
	bool ok = identifier && migrate_grant_as(m, role, identifier);

	if (!identifier)
		fprintf(stderr, "migrate: the role's name is not valid: %s", PQerrorMessage(m->pg));
	PQfreemem(identifier);
	return ok;
}

int db_migrate(const char *conninfo, FILE *out, bool dry_run, const char *grant_role)
{
	char why[CONN_WHY_MAX];
	struct migrator m = { .out = out, .dry_run = dry_run };
	bool ok;

	m.pg = conn_connect(conninfo, ADHOC_CONNECT_MS, why);
	if (!m.pg) {
		fprintf(stderr, "migrate: %s\n", why);
		return 1;
	}
	ok = migrate_all(&m) && (!grant_role || migrate_grant(&m, grant_role));
	PQfinish(m.pg);
	return ok ? 0 : 1;
}
