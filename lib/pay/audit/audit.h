/*
 * The audit: whether what must never happen has happened, asked of a live
 * database in one snapshot. Changes nothing.
 */
#ifndef PAYMENTS_PAY_AUDIT_AUDIT_H
#define PAYMENTS_PAY_AUDIT_AUDIT_H

#include "pay/service.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Runs every check and prints one line for each, with its findings and what to
 * do about them; as one JSON object where `json` is true.
 * 0: clean (warnings allowed). 1: findings. 2: it could not be run.
 * The pool's db_trip_ms bounds a single check: an audit of a big database wants it large.
 */
int audit_run(struct service *service, FILE *out, bool json);

/*
 * Repairs what is safe to repair: settled payments whose reservation somebody overwrote are
 * restored while their seats are still theirs, else their refund is ordered. Prints how many;
 * false: the database is away.
 */
bool audit_repair(struct service *service, FILE *out);

#endif
