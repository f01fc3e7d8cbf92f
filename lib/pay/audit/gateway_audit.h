/*
 * The audit against the gateways' own books: each attempt of the last settings->audit_days days,
 * each open one and each refunded in that time is asked after at its gateway, one after the other.
 * Changes nothing.
 */
#ifndef PAYMENTS_PAY_AUDIT_GATEWAY_AUDIT_H
#define PAYMENTS_PAY_AUDIT_GATEWAY_AUDIT_H

#include "pay/service.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Prints one line for each difference and what to do about it; as one JSON object where `json` is
 * true. 0: the books agree. 1: differences, or charges that could not be compared. 2: it could not
 * be run.
 */
int audit_gateway_run(struct service *service, const struct settings *settings, FILE *out,
		      bool json);

#endif
