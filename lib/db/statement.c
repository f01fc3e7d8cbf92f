#include "db/statement.h"

static enum db_code job_body(struct db_tx *tx, void *context)
{
	struct job *job = context;
	enum db_code code = db_tx_commit(tx, &job->step, 1);

	if (code == DB_OK && job->keep)
		job->keep(job->step.result, job->context);
	return code;
}

bool job_run(struct service *service, struct job *job)
{
	return db_tx_run(service->pool, &DB_POLICY_REQUEST, job_body, job, NULL) == DB_OK;
}

void job_keep_integer(const struct db_result *result, void *context)
{
	*(int64_t *)context = db_integer(result, 0, 0);
}

void job_keep_rows(const struct db_result *result, void *context)
{
	*(int64_t *)context = db_rows(result);
}
