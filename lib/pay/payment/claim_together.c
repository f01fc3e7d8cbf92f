#include "base/decimal.h"
#include "db/array.h"
#include "pay/payment/together.h"

/* Columns of claim_at_once. */
enum { MADE_INTENT, MADE_AMOUNT };

/* In the order of claim_at_once's arrays. */
static void add_claim(struct pg_columns *columns, const struct claim *claim)
{
	struct decimal lease = decimal(claim->gateway->lease_ms(claim->call->settings));
	const char *const row[] = {
		claim->claimed_intent.text,
		claim->claimed_reservation.text,
		claim->call->principal.user_id.text,
		claim->method,
		claim->attempt.text,
		claim->gateway->name,
		lease.text,
		language_name(claim->call->language),
		claim->call->request_id,
		claim->next_order.text,
	};

	columns->count = sizeof(row) / sizeof(row[0]);
	pg_columns_add(columns, row);
}

/* Only those that were made have a row, in any order. */
static void read_made(const struct db_result *made, struct together *first)
{
	for (int row = 0; row < db_rows(made); row++) {
		struct claim *claim =
			together_written(first, db_text(made, row, MADE_INTENT))->work;

		claim->amount_krw = db_integer(made, row, MADE_AMOUNT);
	}
}

static enum db_code write_claims(struct db_tx *tx, void *context)
{
	struct together *first = context;
	struct decimal margin = decimal(first->call->settings->hold_margin_ms);
	struct db_step step = { .sql = SQL_CLAIM_AT_ONCE };
	struct pg_columns columns = { .count = 0 };
	enum db_code code = DB_BROKEN;

	for (struct together *part = first; part; part = together_next(part))
		add_claim(&columns, part->work);
	if (pg_columns_end(&columns, step.params)) {
		step.params[columns.count] = first->call->service->owner;
		step.params[columns.count + 1] = margin.text;
		code = db_tx_commit(tx, &step, 1);
	}
	if (code == DB_OK)
		read_made(step.result, first);
	pg_columns_free(&columns);
	return code;
}

enum db_code claim_together(struct claim *claim, bool *made)
{
	struct together part = { .call = claim->call,
				 .work = claim,
				 .id = claim->claimed_intent.text };
	enum db_code code = together_write(&claim->call->service->claims, &part, write_claims);

	*made = code == DB_OK && part.written;
	return code;
}
