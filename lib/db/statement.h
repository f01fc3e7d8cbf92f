/* A single statement in a transaction of its own: what the janitor does between the steps that have
 * rules. */
#ifndef PAYMENTS_DB_STATEMENT_H
#define PAYMENTS_DB_STATEMENT_H

#include "db/db.h"

#include <stdbool.h>
#include <stdint.h>

struct db_statement {
	struct db_step step;
	/* Copies what the statement returned; may be called again after a retry. NULL: nothing is
	 * kept. */
	void (*keep)(const struct db_result *result, void *context);
	void *context;
};

/* False: the database did not carry it out. */
bool db_statement_run(struct db_pool *pool, struct db_statement *statement);

/* For statement.keep: the integer of the first row and column, and the number of rows, into an
 * int64_t. */
void db_keep_integer(const struct db_result *result, void *context);
void db_keep_rows(const struct db_result *result, void *context);

#endif
