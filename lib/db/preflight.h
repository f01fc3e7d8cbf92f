/* `payctl check`: is the database ready for the service? One line for each check, with a remedy. */
#ifndef PAYMENTS_DB_PREFLIGHT_H
#define PAYMENTS_DB_PREFLIGHT_H

#include "config/settings.h"

#include <stdio.h>

enum preflight_verdict {
	PREFLIGHT_OK,
	PREFLIGHT_WARN, /* works, but slowly or unsafely */
	PREFLIGHT_FAIL	/* does not work */
};

#define PREFLIGHT_LINES_MAX 64 /* there are about 30 checks; one too many is a FAIL */

struct preflight_line {
	enum preflight_verdict verdict;
	const char *name; /* static: "connection", "index" */
	char text[512];
	char remedy[512]; /* what to run or set; "": nothing */
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

/* Checks the database for `workers` processes, on an own connection. Changes nothing. */
void preflight_database(struct preflight *report, const struct settings *settings, int workers);

void preflight_print(const struct preflight *report, FILE *out);
/* {"verdict", "checks": [{"verdict", "name", "text", "remedy"}]} */
void preflight_print_json(const struct preflight *report, FILE *out);

#endif
