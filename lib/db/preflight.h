/*
 * Is everything in place for the service to work? One line a check, each with
 * the statement that mends it. Asked by `payctl check`.
 */
#ifndef PAYMENTS_DB_PREFLIGHT_H
#define PAYMENTS_DB_PREFLIGHT_H

#include "config/settings.h"

#include <stdio.h>

enum preflight_verdict {
	PREFLIGHT_OK,
	PREFLIGHT_WARN, /* works, but not well, or not safely */
	PREFLIGHT_FAIL	/* does not work */
};

#define PREFLIGHT_LINES_MAX \
	64 /* about 30 checks; what does not fit is dropped and counted as FAIL */

struct preflight_line {
	enum preflight_verdict verdict;
	const char *name; /* static: "connection", "index" */
	char text[512];
	char remedy[512]; /* what to run or set; "" where nothing is to be done */
};

struct preflight {
	struct preflight_line lines[PREFLIGHT_LINES_MAX];
	int count;
	enum preflight_verdict verdict; /* the worst of all lines */
};

/* Adds a line; `remedy` may be NULL. */
void preflight_add(struct preflight *report, enum preflight_verdict verdict, const char *name,
		   const char *remedy, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Adds what is to be said about the database of these settings, for `workers` processes. Takes a
 * connection of its own for the while, reads, and changes nothing. */
void preflight_database(struct preflight *report, const struct settings *settings, int workers);

/* A line each, the remedy below it. */
void preflight_print(const struct preflight *report, FILE *out);
/* {"verdict", "checks": [{"verdict", "name", "text", "remedy"}]} */
void preflight_print_json(const struct preflight *report, FILE *out);

#endif
