/*
 * Reconcile: the gateway is asked what became of an attempt, until it says. After a crash this
 * comes first, never a second charge.
 */
#ifndef PAYMENTS_PAY_JANITOR_RECONCILE_H
#define PAYMENTS_PAY_JANITOR_RECONCILE_H

#include "pay/service.h"

/* Makes attempts of processes that are known to be dead due now. False: the database is away. */
bool reconcile_take_orphans(struct service *service);

/* Reconciles at most settings->janitor_batch attempts that are due. How many; -1: the database is
 * away. */
int reconcile_due(struct service *service, const struct settings *settings);

#endif
