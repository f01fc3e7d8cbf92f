/*
 * Migrations of schema `payments`: numbered, forward-only, embedded in the
 * binary. Safe to run twice, by two at once and beside running workers.
 */
#ifndef PAYMENTS_DB_MIGRATE_H
#define PAYMENTS_DB_MIGRATE_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Applies what is missing, each migration in a transaction of its own, and then
 * gives the service's rights to `grant_role` (NULL: leaves rights alone); the
 * role is made where it is missing. `dry_run` only says what would be done.
 * Progress goes to `out`, what went wrong and how to mend it to stderr.
 * Returns 0, or 1 where something was refused; what was applied before stays.
 */
int db_migrate(const char *conninfo, FILE *out, bool dry_run, const char *grant_role);

#endif
