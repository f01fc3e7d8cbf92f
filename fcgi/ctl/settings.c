/* payctl settings: prints the settings in force, the example file, or the list of the man page. */
#include "fcgi/ctl/ctl.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
	{ "example", no_argument, NULL, 'e' },
	{ "man", no_argument, NULL, 'm' },
	{ NULL, 0, NULL, 0 },
};

static int settings_run_in_force(const struct ctl *ctl)
{
	struct settings settings;

	if (!ctl_load(ctl, &settings))
		return EXIT_CANNOT;
	settings_print(&settings, stdout);
	explicit_bzero(&settings, sizeof(settings));
	return EXIT_SUCCESS;
}

static int settings_run(const struct ctl *ctl, int argc, char **argv)
{
	int option = getopt_long(argc, argv, "em", options, NULL);

	if (optind != argc || option == '?')
		return ctl_usage(&command_settings);
	if (option == 'e')
		settings_print_example(stdout);
	else if (option == 'm')
		settings_print_man(stdout);
	else
		return settings_run_in_force(ctl);
	return EXIT_SUCCESS;
}

const struct command command_settings = {
	.name = "settings",
	.run = settings_run,
	.usage = "[--example | --man]",
	.help = "print the settings in force; --example prints a file with all defaults",
};
