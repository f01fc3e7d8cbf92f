/* Migrations of schema `payments`: numbered, forward only, embedded in the binary. Safe to run
 * twice, two at once, and while workers run. */
#ifndef PAYMENTS_DB_MIGRATE_H
#define PAYMENTS_DB_MIGRATE_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Applies what is missing, each migration in its own transaction. Then creates `grant_role` if
 * needed and grants it the service's rights (NULL: no grants). `dry_run` only reports. Progress
 * goes to `out`, errors and their remedies to stderr. Returns 0, or 1: what was applied before the
 * error stays.
 */
int db_migrate(const char *conninfo, FILE *out, bool dry_run, const char *grant_role);

#endif
