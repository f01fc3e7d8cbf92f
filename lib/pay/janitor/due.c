#include "pay/janitor/due.h"

#include "base/clock.h"
#include "base/decimal.h"

#include <stdio.h>
#include <stdlib.h>

/* As long as a call of the gateway and its record may take; then another janitor may take it. */
#define TAKEN_MS "30000"
/* A gateway that hangs must not keep the janitor from its other work: the rest of a batch is taken
 * again. */
#define BUDGET_MS 10000

/* Columns of attempts_take and refunds_take. */
/* clang-format off */
enum take_column {
	ID, ATTEMPT, INTENT, RESERVATION, GATEWAY, AMOUNT, TRIES, NOT_FOUNDS, AGE_MS, REASON
};
/* clang-format on */

struct due_batch {
	int count, most;
	struct due *items;
};

static void keep_due(const struct db_step *steps, void *context)
{
	const struct db_result *r = steps[0].result;
	struct due_batch *batch = context;
	int rows = db_rows(r);

	batch->count = rows < batch->most ? rows : batch->most;
	for (int row = 0; row < batch->count; row++) {
		struct due *due = &batch->items[row];
		const char *reason = db_text(r, row, REASON);

		*due = (struct due){ .id = db_uuid(r, row, ID),
				     .attempt = db_uuid(r, row, ATTEMPT),
				     .intent = db_uuid(r, row, INTENT),
				     .reservation = db_uuid(r, row, RESERVATION),
				     .amount_krw = db_integer(r, row, AMOUNT),
				     .tries = (int)db_integer(r, row, TRIES),
				     .not_founds = (int)db_integer(r, row, NOT_FOUNDS),
				     .age_ms = db_integer(r, row, AGE_MS) };
		snprintf(due->gateway, sizeof(due->gateway), "%s", db_text(r, row, GATEWAY));
		snprintf(due->reason, sizeof(due->reason), "%s", reason ? reason : "");
	}
}

int due_each(struct service *service, const struct settings *settings, enum sql_id take,
	     due_act act)
{
	struct due_batch batch = { .most = settings->janitor_batch };
	struct decimal most = decimal(batch.most);
	struct db_step step = { .sql = take, .params = { most.text, TAKEN_MS } };
	int64_t until_ms = clock_mono_ms() + BUDGET_MS;

	batch.items = calloc((size_t)batch.most, sizeof(*batch.items));
	if (!batch.items)
		return -1;
	if (!db_run_statement(service->pool, &step, keep_due, &batch))
		batch.count = -1;
	for (int i = 0; i < batch.count; i++)
		if (clock_mono_ms() > until_ms || !act(service, settings, &batch.items[i]))
			break;
	free(batch.items);
	return batch.count;
}
