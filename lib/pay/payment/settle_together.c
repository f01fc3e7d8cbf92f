#include "base/decimal.h"
#include "db/array.h"
#include "pay/payment/answer.h"
#include "pay/payment/together.h"

/* Columns of record_at_once. */
enum { SETTLED_ATTEMPT, SETTLED_NUMBER, SETTLED_SEATS, SETTLED_EVENT, SETTLED_AT };

/* In the order of record_at_once's arrays. */
static void add_record(struct pg_columns *columns, const struct record *record)
{
	const struct claim *claim = record->claim;
	struct decimal amount = decimal(claim->amount_krw);
	const char *const row[] = {
		record->attempt.text,
		claim->claimed_intent.text,
		claim->claimed_reservation.text,
		claim->method,
		amount.text,
		claim->call->request_id,
	};

	columns->count = sizeof(row) / sizeof(row[0]);
	pg_columns_add(columns, row);
}

static void answer(struct record *record, const struct db_result *settled, int row)
{
	const struct claim *claim = record->claim;
	struct payment_facts facts = {
		.is_execute = claim->is_execute,
		.language = claim->call->language,
		.request_id = claim->call->request_id,
		.intent_id = claim->claimed_intent.text,
		.reservation_id = claim->claimed_reservation.text,
		.reservation_number = db_text(settled, row, SETTLED_NUMBER),
		.payment_method = claim->method,
		.amount_krw = claim->amount_krw,
		.event_json = db_text(settled, row, SETTLED_EVENT),
		.seats_json = db_text(settled, row, SETTLED_SEATS),
		.at = db_text(settled, row, SETTLED_AT),
	};

	record->action = RECORD_SETTLE;
	record->status = STATUS_OK;
	record->http = payment_answer_paid(&record->body, &facts);
}

/* Only those that were settled have a row, in any order. */
static void read_settled(const struct db_result *settled, struct together *first)
{
	for (int row = 0; row < db_rows(settled); row++)
		answer(together_written(first, db_text(settled, row, SETTLED_ATTEMPT))->work,
		       settled, row);
}

static enum db_code write_records(struct db_tx *tx, void *context)
{
	struct together *first = context;
	struct db_step step = { .sql = SQL_RECORD_AT_ONCE };
	struct pg_columns columns = { .count = 0 };
	enum db_code code = DB_BROKEN;

	for (struct together *part = first; part; part = together_next(part))
		add_record(&columns, part->work);
	if (pg_columns_end(&columns, step.params))
		code = db_tx_commit(tx, &step, 1);
	if (code == DB_OK)
		read_settled(step.result, first);
	pg_columns_free(&columns);
	return code;
}

enum db_code record_together(struct record *record, bool *settled)
{
	struct call *call = record->claim->call;
	struct together part = { .call = call, .work = record, .id = record->attempt.text };
	enum db_code code = together_write(&call->service->records, &part, write_records);

	*settled = code == DB_OK && part.written;
	return code;
}
