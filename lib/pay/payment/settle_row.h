/* The row of record_lock, as a struct. Strings live until the transaction's run ends. */
#ifndef PAYMENTS_PAY_PAYMENT_SETTLE_ROW_H
#define PAYMENTS_PAY_PAYMENT_SETTLE_ROW_H

#include "db/db.h"
#include "pay/payment/answer.h"
#include "pay/payment/intent.h"

struct record_row {
	struct record_facts facts;
	struct payment_facts answer;
	const char *intent_id;
	const char *reservation_id; /* NULL: the reservation is gone */
	const char *gateway;
	const char *operation;
	const char *user_id;
	const char *idempotency_key; /* NULL: none */
	const char *seat_ids;	     /* a PostgreSQL array */
	int attempts;
};

/* False where the attempt does not exist. */
bool record_row_read(const struct db_result *result, const struct uuid *attempt,
		     struct record_row *row);

#endif
