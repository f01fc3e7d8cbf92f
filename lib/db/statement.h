/* A single statement in a transaction of its own: what the janitor does between the steps that have
 * rules. */
#ifndef PAYMENTS_DB_STATEMENT_H
#define PAYMENTS_DB_STATEMENT_H

#include "pay/service.h"

#include <stdbool.h>
#include <stdint.h>

struct job {
	struct db_step step;
	/* Copies what the statement returned; may be called again after a retry. NULL: nothing is
	 * kept. */
	void (*keep)(const struct db_result *result, void *context);
	void *context;
};

/* False: the database did not carry it out. */
bool job_run(struct service *service, struct job *job);

/* For job.keep: the integer of the first row and column, and the number of rows, into an
 * int64_t. */
void job_keep_integer(const struct db_result *result, void *context);
void job_keep_rows(const struct db_result *result, void *context);

#endif
