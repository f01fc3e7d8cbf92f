/* What payments-fcgi and payctl take from their command line and, beside the settings, from their
 * environment. */
#ifndef PAYMENTS_FCGI_COMMAND_LINE_H
#define PAYMENTS_FCGI_COMMAND_LINE_H

#include <getopt.h>
#include <stdbool.h>

#define LETTERS_MAX 128

/* Reads the options as getopt_long does. given[letter] is the value of an option, or "" if it takes
 * none; what is not given keeps its value. False: an option is wrong, and getopt printed it. */
bool command_line_read(int argc, char **argv, const char *letters, const struct option *options,
		       const char *given[LETTERS_MAX]);

/* Removes the variables with which libpq would change every session: a time zone shifts the
 * deadlines of holds, an encoding changes what is read. Both programs must see the same database.
 */
void environment_clean(void);

/* The value of PAYMENTS_CONFIG. NULL: unset or empty. An environment file cannot always leave a
 * name out. */
const char *environment_config_file(void);

#endif
