/* payctl, the operator's command. Each subcommand has a file; this is what they share. */
#ifndef PAYMENTS_FCGI_CTL_CTL_H
#define PAYMENTS_FCGI_CTL_CTL_H

#include "fcgi/command_line.h"
#include "pay/service.h"

#include <stdbool.h>
#include <stdio.h>

#define EXIT_CANNOT 2 /* wrong usage, or the command could not do its work */

struct ctl {
	const char *file;     /* -c: the configuration file; NULL: none */
	const char *database; /* --database; NULL: as the settings say */
	const struct command *command;
	const char *given[LETTERS_MAX]; /* the options of the command, by their letters */
	const char *operand;		/* the argument after the options; NULL: none */
	struct settings settings;	/* since ctl_load */
	struct db_pool *pool;		/* since ctl_open; NULL: not opened */
	struct service service;		/* likewise */
};

struct command {
	const char *name;
	const char *usage; /* the arguments after the name */
	const char *help;
	const char *letters; /* of the options, as getopt takes them */
	const struct option *options;
	int operands;		     /* 0 or 1 */
	int (*run)(struct ctl *ctl); /* returns the exit code */
};

extern const struct command command_audit, command_check, command_migrate, command_refund,
	command_settings, command_token;

/* Loads ctl->settings and adds warnings and errors to *errors. False: they cannot be used. */
bool ctl_read_settings(struct ctl *ctl, struct buf *errors);

/* The same, with warnings and errors on stderr. */
bool ctl_load(struct ctl *ctl);

/* Opens the pool and the service with the loaded settings. False: the error was printed. */
bool ctl_open(struct ctl *ctl);

/* Closes the pool and wipes the settings. */
void ctl_close(struct ctl *ctl);

/* Wipes and frees a connection string. */
void ctl_forget(struct buf *secret);

/* Prints the usage of the command and returns EXIT_CANNOT. */
int ctl_usage(const struct ctl *ctl, FILE *to);

/* Prints "payctl NAME: message" to stderr. */
void ctl_complain(const struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
