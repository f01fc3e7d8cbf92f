/* payctl: finds the command and runs it. */
#include "config.h"

#include "fcgi/ctl/ctl.h"
#include "fcgi/environment.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
	&command_check,	 &command_migrate, &command_audit,
	&command_refund, &command_token,   &command_settings,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

enum { OPTION_DATABASE = 256 };

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "database", required_argument, NULL, OPTION_DATABASE },
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

static int main_run(const struct ctl *ctl, int argc, char **argv)
{
	const struct command *command = argc > 0 ? main_find(argv[0]) : NULL;

	if (!command) {
		fprintf(stderr,
			argc > 0 ? "payctl: there is no command \"%s\"; see payctl --help\n"
				 : "payctl: a command is missing; see payctl --help\n",
			argc > 0 ? argv[0] : "");
		return EXIT_CANNOT;
	}
	if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
		printf("usage: payctl [-c FILE] [--database URL] %s %s\n\n%s\n", command->name,
		       command->usage, command->help);
		return EXIT_SUCCESS;
	}
	optind = 0; /* glibc: start again, with the options of the command */
	return command->run(ctl, argc, argv);
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .file = environment_config_file() };
	int option;

	environment_clean();
	while ((option = getopt_long(argc, argv, "+c:Vh", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			ctl.file = optarg;
			break;
		case OPTION_DATABASE:
			ctl.database = optarg;
			break;
		case 'V':
			puts("payctl " PACKAGE_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			main_help();
			return EXIT_SUCCESS;
		default:
			fputs("payctl: see payctl --help\n", stderr);
			return EXIT_CANNOT;
		}
	}
	return main_run(&ctl, argc - optind, argv + optind);
}
