/*
 * Every change of state is four steps in one transaction of two round trips:
 *
 *   lock    takes the rows by id: intents, reservations, seats by id
 *   look    a statement of its own, with a snapshot taken after the locks, reads what else is
 * needed decide  a pure function over a struct of facts answers a verdict write   writes the
 * verdict, with COMMIT
 *
 * This is the first step of all kinds but a claim, which locks no seats (payment/claim.c).
 */
#ifndef PAYMENTS_PAY_LOCK_H
#define PAYMENTS_PAY_LOCK_H

#include "db/array.h"
#include "db/db.h"
#include "pay/payment/intent.h"

#include <stdbool.h>
#include <stdint.h>

/* What is to be locked. NULL intent: the reservation's newest; NULL reservation: none. */
struct lock_ids {
	const char *intent;
	const char *reservation;
};

/*
 * An intent, its reservation and its seats, as they stand under the transaction's locks. What
 * another transaction has locked reads as if it did not exist. Strings live until the transaction's
 * run ends.
 */
struct locked {
	const char *intent_id; /* NULL: none */
	enum intent_status intent_status;
	struct uuid attempt_id;
	const char *user_id;
	bool is_booking; /* made by POST bookings */
	int64_t charged_krw, refund_krw;
	bool was_settled;
	const char *reservation_id; /* NULL: none */
	const char *number;
	int64_t amount_krw;
	const char *status, *payment_status;
	enum reservation_state reservation;
	int64_t left_ms; /* of the hold; INT64_MAX: it has no deadline */
	int64_t ticket_items;
	int64_t seats, seats_found, seats_locked, seats_available, seats_reserved;
	/* private: rows of the result */
	const struct db_result *result;
	int first, end;
};

/*
 * Locks and looks, in one round trip. `rows` has a row (intent, reservation) for each member.
 * `alone` says what to wait for; NULL in a batch, which passes over what another transaction has
 * locked.
 */
enum db_code lock_and_look(struct db_tx *tx, struct pg_columns *rows, const struct lock_ids *alone,
			   struct db_step *look, const struct db_result **locked);

/* The member whose rows begin at *row, which is moved behind them. */
void locked_read(const struct db_result *result, int *row, struct locked *out);

/* Whether all was locked that stands there: by live_intents and row_counts, from `column` on, which
 * were read after the locks. False: another transaction has locked a part, or has just made the
 * intent. */
bool locked_all(const struct locked *locked, const struct db_result *look, int row, int column);

/* A transaction of one member: locks its rows, waiting for them, and looks. */
enum db_code lock_one(struct db_tx *tx, const struct lock_ids *ids, struct db_step *look,
		      struct locked *out);

/* A seat of the reservation, in the order of section, row and number. */
struct locked_seat {
	const char *id, *label, *section, *status;
	int64_t row, number, price_krw;
};
/* The next one from *position (at first 0) on. False: there is no more. */
bool locked_next_seat(const struct locked *locked, int *position, struct locked_seat *out);

#endif
