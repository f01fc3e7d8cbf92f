#include "db/statement.h"

static enum db_code statement_body(struct db_tx *tx, void *context)
{
	struct db_statement *statement = context;
	enum db_code code = db_tx_commit(tx, &statement->step, 1);

	if (code == DB_OK && statement->keep)
		statement->keep(statement->step.result, statement->context);
	return code;
}

bool db_statement_run(struct db_pool *pool, struct db_statement *statement)
{
	return db_tx_run(pool, &DB_POLICY_REQUEST, statement_body, statement, NULL) == DB_OK;
}

void db_keep_integer(const struct db_result *result, void *context)
{
	*(int64_t *)context = db_integer(result, 0, 0);
}

void db_keep_rows(const struct db_result *result, void *context)
{
	*(int64_t *)context = db_rows(result);
}
