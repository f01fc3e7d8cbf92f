/* What hold.c, the steps of a hold, and hold_rules.c, what it must meet, have in common. */
#ifndef PAYMENTS_PAY_BOOKING_HOLD_H
#define PAYMENTS_PAY_BOOKING_HOLD_H

#include "pay/booking/booking.h"
#include "pay/payment/idempotency.h"

/* The columns of hold_facts, and of hold_look. */
enum facts_column { USER_EXISTS, PERFORMANCE_FOUND, ON_SALE, SEATS_HELD, DEADLINE, DEADLINE_ISO };
enum seat_column { S_ID, S_LABEL, S_PRICE, S_STATUS, S_LAPSED };

enum hold_result {
	HOLD_DONE,     /* the outcome is complete */
	HOLD_LAPSED,   /* seats of lapsed holds stand in the way: end those, try again */
	HOLD_RIVALLED, /* another transaction is taking one of the seats at this moment */
	HOLD_UNDECIDED
};

struct hold {
	struct call *call;
	const struct hold_input *input;
	struct outcome *outcome;
	struct idempotency *key;	    /* NULL: none */
	struct buf ids, labels;		    /* of the input, as PostgreSQL arrays */
	struct buf lapsed;		    /* seats of lapsed holds, as a PostgreSQL array */
	struct uuid booking, intent, order; /* what they will be called, in every run */
	enum hold_result result;
};

/*
 * Whether the performance and the seats, as those statements gave them, may be held by this buyer.
 * False: the outcome says why, or lapsed holds alone stand in the way (result is HOLD_LAPSED, their
 * seats are in `lapsed`).
 */
bool hold_allowed(struct hold *hold, const struct db_result *facts, const struct db_result *seats);

/* Makes the outcome an error that names seats. */
void hold_answer_seats(struct hold *hold, enum status status, const char *const *names, int count);

#endif
