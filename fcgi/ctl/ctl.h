/* payctl, the operator's command. Each subcommand has a file; this is what they share. */
#ifndef PAYMENTS_FCGI_CTL_CTL_H
#define PAYMENTS_FCGI_CTL_CTL_H

#include "base/buf.h"
#include "config/settings.h"

#include <stdbool.h>

#define EXIT_CANNOT 2 /* wrong usage, or the command could not do its work */

struct ctl {
	const char *file;     /* -c: the configuration file; NULL: none */
	const char *database; /* --database; NULL: as the settings say */
};

struct command {
	const char *name;
	int (*run)(const struct ctl *ctl, int argc,
		   char **argv); /* argv[0] is the command's name */
	const char *usage;	 /* the arguments after the name */
	const char *help;
};

extern const struct command command_audit, command_check, command_migrate, command_refund,
	command_settings, command_token;

/* Loads the settings and prints warnings and errors to stderr. False: they cannot be used. */
bool ctl_load(const struct ctl *ctl, struct settings *out);

/* The connection string of the database. With --database no settings are needed. False: the error
 * was printed. The caller wipes and frees it with ctl_forget. */
bool ctl_conninfo(const struct ctl *ctl, struct buf *out);
void ctl_forget(struct buf *secret);

/* Prints the usage of the command and returns EXIT_CANNOT. */
int ctl_usage(const struct command *command);

/* Prints "payctl NAME: message" to stderr. */
void ctl_complain(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
