/* payctl, the operator's command: what its subcommands share. One file each. */
#ifndef PAYMENTS_FCGI_CTL_CTL_H
#define PAYMENTS_FCGI_CTL_CTL_H

#include "base/buf.h"
#include "config/settings.h"

#include <stdbool.h>

#define EXIT_CANNOT 2 /* wrong usage, or what was asked could not be looked into */

struct ctl {
	const char *file;     /* -c: the configuration file; NULL: none */
	const char *database; /* --database; NULL: what the settings say */
};

struct command {
	const char *name;
	int (*run)(const struct ctl *ctl, int argc,
		   char **argv); /* argv[0] is the command's name */
	const char *usage;	 /* what may follow the name */
	const char *help;
};

extern const struct command command_audit, command_check, command_migrate, command_refund,
	command_settings, command_token;

/* Loads the settings; warnings and errors go to stderr. False: they are not fit to be used. */
bool ctl_load(const struct ctl *ctl, struct settings *out);

/* The database to work on. Needs no settings where --database names it. False: all is said. Wiped
 * and freed with ctl_forget. */
bool ctl_conninfo(const struct ctl *ctl, struct buf *out);
void ctl_forget(struct buf *secret);

/* Says how the command is called, and returns EXIT_CANNOT. */
int ctl_usage(const struct command *command);

/* "payctl NAME: message" on stderr. */
void ctl_complain(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
