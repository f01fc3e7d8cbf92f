#include "pay/payment/together.h"

#include "base/clock.h"
#include "pay/metrics.h"

#include <assert.h>
#include <string.h>

struct together *together_of(struct batch_item *item)
{
	return (struct together *)item;
}

struct together *together_next(const struct together *part)
{
	return together_of(part->item.next);
}

struct together *together_written(struct together *first, const char *id)
{
	struct together *part = first;

	while (part && strcmp(part->id, id) != 0)
		part = together_next(part);
	assert(part);
	part->written = true;
	return part;
}

static void write_all(struct batch_item *items, void *context)
{
	db_tx_body body = *(db_tx_body *)context;
	struct together *part = together_of(items);
	struct db_cost cost = { .trips = 0 };
	int64_t begin_us = clock_mono_us();
	enum db_code code =
		db_tx_run(part->call->service->pool, &DB_POLICY_ONCE, body, part, &cost);

	metrics_count(METRIC_BATCHES);
	for (; part; part = together_next(part)) {
		part->code = code;
		call_count(part->call, &cost, begin_us - part->since_us);
		metrics_count(METRIC_BATCHED);
	}
}

enum db_code together_write(struct batch *line, struct together *part, db_tx_body body)
{
	part->since_us = clock_mono_us();
	if (!batch_do(line, &part->item, write_all, &body, part->call->settings->db_wait_ms))
		return DB_UNAVAILABLE;
	return part->code;
}
