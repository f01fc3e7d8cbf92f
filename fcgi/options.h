/* The command line of payments-fcgi. */
#ifndef PAYMENTS_FCGI_OPTIONS_H
#define PAYMENTS_FCGI_OPTIONS_H

#include <stdbool.h>

struct options {
	const char *file;   /* -c, or else PAYMENTS_CONFIG; NULL: no configuration file */
	const char *listen; /* --listen; NULL: as the settings say */
	bool test;	    /* -t */
};

/* False: help, version or an error was printed; exit with *exit_code. */
bool options_parse(int argc, char **argv, struct options *out, int *exit_code);

#endif
