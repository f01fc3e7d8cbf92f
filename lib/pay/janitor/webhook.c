#include "pay/janitor/webhook.h"

static enum db_code look_now(struct db_tx *tx, void *context)
{
	const struct uuid *order_id = context;
	struct db_step step = { .sql = SQL_ATTEMPT_LOOK_NOW, .params = { order_id->text } };

	return db_tx_commit(tx, &step, 1);
}

enum status webhook_take(struct call *call, const struct uuid *order_id)
{
	struct uuid id = *order_id;

	return service_status_of(
		db_tx_run(call->service->pool, &DB_POLICY_REQUEST, look_now, &id, &call->db));
}
