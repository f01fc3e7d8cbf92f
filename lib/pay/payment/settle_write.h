/* The last step of a settlement: one statement for each kind of verdict, and COMMIT. */
#ifndef PAYMENTS_PAY_PAYMENT_SETTLE_WRITE_H
#define PAYMENTS_PAY_PAYMENT_SETTLE_WRITE_H

#include "pay/payment/settle.h"

/* Writes the verdicts of all settlements of a batch but those that run alone. */
enum db_code settle_write(struct db_tx *tx, struct settlement *first);

/* "hold_lost", "cancelled", "duplicate": refunds.reason of a SETTLE_REFUND_* action, else NULL. */
const char *settle_refund_reason(enum settle_action action);

#endif
