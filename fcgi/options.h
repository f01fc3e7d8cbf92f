/* The command line of payments-fcgi. */
#ifndef PAYMENTS_FCGI_OPTIONS_H
#define PAYMENTS_FCGI_OPTIONS_H

#include <stdbool.h>

struct options {
	const char *file;   /* -c, else PAYMENTS_CONFIG; NULL: no configuration file */
	const char *listen; /* --listen; NULL: what the settings say */
	bool test;	    /* -t */
};

/* Reads it. True: go on. False: all is said, on stdout or stderr; exit with *exit_code. */
bool options_parse(int argc, char **argv, struct options *out, int *exit_code);

#endif
