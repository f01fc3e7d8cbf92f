/* The audit: does the live database break an invariant? Reads one snapshot, changes nothing. */
#ifndef PAYMENTS_PAY_AUDIT_AUDIT_H
#define PAYMENTS_PAY_AUDIT_AUDIT_H

#include "pay/service.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Prints each check with its findings and what to do, as text or as one JSON object. 0: clean
 * (warnings allowed). 1: findings. 2: could not run. db_trip_ms limits a single check: make it
 * large for a large database.
 */
int audit_run(struct service *service, FILE *out, bool json);

/* Repairs settled payments whose reservation another service overwrote: restores the reservation
 * if its seats are free, else orders a refund. Prints how many. False: the database is away. */
bool audit_repair(struct service *service, FILE *out);

#endif
