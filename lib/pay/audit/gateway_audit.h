/*
 * The audit against the books of the gateways: every attempt of the last settings->audit_days days,
 * every open one, and every one refunded in that time. Changes nothing.
 */
#ifndef PAYMENTS_PAY_AUDIT_GATEWAY_AUDIT_H
#define PAYMENTS_PAY_AUDIT_GATEWAY_AUDIT_H

#include "pay/service.h"

#include <stdbool.h>
#include <stdio.h>

/* Prints each difference and what to do, as text or as one JSON object. 0: the books agree.
 * 1: differences, or charges that could not be compared. 2: could not run. */
int audit_gateway_run(struct service *service, const struct settings *settings, FILE *out,
		      bool json);

#endif
