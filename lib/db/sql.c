#include "db/sql.h"

#include <assert.h>

static const struct sql_statement statements[SQL_COUNT] = {
#define SQL_STATEMENT(id, name, params, text) [SQL_##id] = { name, text, params },
#include "db/sql_statements.inc"
#undef SQL_STATEMENT
};

const struct sql_statement *sql_statement(enum sql_id id)
{
	assert(id >= 0 && id < SQL_COUNT);
	return &statements[id];
}
