/*
 * The janitor: leases that run out, unknown attempts to reconcile, refunds to send, holds to
 * expire, settled payments to scan, old idempotency keys to drop. Every process runs one; rows are
 * taken with SKIP LOCKED, so several may run. No rule relies on it having run.
 */
#ifndef PAYMENTS_PAY_JANITOR_JANITOR_H
#define PAYMENTS_PAY_JANITOR_JANITOR_H

#include "pay/service.h"

/* One round: at most settings->janitor_batch rows of each kind. Returns how many rows it moved on,
 * -1 where the database was out of reach. */
int janitor_round(struct service *service, const struct settings *settings);

#endif
