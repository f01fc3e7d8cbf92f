/* payctl: finds the command and runs it. */
#include "config.h"

#include "fcgi/ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
	&command_check,	 &command_migrate, &command_audit,
	&command_refund, &command_token,   &command_settings,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "database", required_argument, NULL, 'd' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void main_help(void)
{
	puts("usage: payctl [-c FILE] [--database URL] COMMAND [OPTIONS]\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-9s %s\n", commands[i]->name, commands[i]->help);
	puts("\n"
	     "  -c, --config FILE   read settings from FILE, or else from $PAYMENTS_CONFIG; the\n"
	     "                      environment overrides them\n"
	     "      --database URL  use this database instead of the one in the settings\n"
	     "  -V, --version       print the version and exit\n"
	     "  -h, --help          print this and exit; after a command, print its usage");
}

static const struct command *main_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int main_run(struct ctl *ctl, int argc, char **argv)
{
	int code;

	ctl->command = argc > 0 ? main_find(argv[0]) : NULL;
	if (!ctl->command) {
		fprintf(stderr,
			argc > 0 ? "payctl: there is no command \"%s\"; see payctl --help\n"
				 : "payctl: a command is missing; see payctl --help\n",
			argc > 0 ? argv[0] : "");
		return EXIT_CANNOT;
	}
	if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
		ctl_usage(ctl, stdout);
		printf("\n%s\n", ctl->command->help);
		return EXIT_SUCCESS;
	}
	optind = 0; /* glibc: start again, with the options of the command */
	if (!command_line_read(argc, argv, ctl->command->letters, ctl->command->options,
			       ctl->given) ||
	    argc - optind != ctl->command->operands)
		return ctl_usage(ctl, stderr);
	ctl->operand = argv[optind];
	code = ctl->command->run(ctl);
	ctl_close(ctl);
	return code;
}

int main(int argc, char **argv)
{
	const char *given[LETTERS_MAX] = { ['c'] = environment_config_file() };
	struct ctl ctl = { .file = NULL };

	environment_clean();
	if (!command_line_read(argc, argv, "+c:Vh", long_options, given)) {
		fputs("payctl: see payctl --help\n", stderr);
		return EXIT_CANNOT;
	}
	ctl.file = given['c'];
	ctl.database = given['d'];
	if (given['V'])
		puts("payctl " PACKAGE_VERSION);
	else if (given['h'])
		main_help();
	else
		return main_run(&ctl, argc - optind, argv + optind);
	return EXIT_SUCCESS;
}
