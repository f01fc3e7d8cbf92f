/* payctl settings: prints the settings in force, the example file, or the list of the man page. */
#include "fcgi/ctl/ctl.h"

#include <stdlib.h>

static const struct option options[] = {
	{ "example", no_argument, NULL, 'e' },
	{ "man", no_argument, NULL, 'm' },
	{ NULL, 0, NULL, 0 },
};

static int settings_run(struct ctl *ctl)
{
	struct buf out = { 0 };

	if (ctl->given['e'] && ctl->given['m'])
		return ctl_usage(ctl, stderr);
	if (ctl->given['e'])
		settings_print_example(&out);
	else if (ctl->given['m'])
		settings_print_man(&out);
	else if (ctl_load(ctl))
		settings_print(&ctl->settings, &out);
	else
		return EXIT_CANNOT;
	fputs(buf_text(&out), stdout);
	buf_free(&out);
	return EXIT_SUCCESS;
}

const struct command command_settings = {
	.name = "settings",
	.usage = "[--example | --man]",
	.help = "print the settings in force; --example prints a file with all defaults",
	.letters = "em",
	.options = options,
	.run = settings_run,
};
