#include "fcgi/options.h"
#include "config.h"

#include "fcgi/command_line.h"

#include <stdio.h>
#include <stdlib.h>

#define EXIT_USAGE 2

static const char help[] =
	"usage: payments-fcgi [-c FILE] [-t] [--listen ADDRESS]\n"
	"\n"
	"A FastCGI worker of the payment service. It listens on descriptor 0, which spawn-fcgi,\n"
	"multiwatch or systemd passes.\n"
	"\n"
	"  -c, --config FILE     read settings from FILE, or else from $PAYMENTS_CONFIG; the\n"
	"                        environment overrides them\n"
	"  -t, --test            check settings, database and schema, and exit: 0 if all are ok\n"
	"      --listen ADDRESS  listen on this address: unix:/path, host:port or [v6]:port\n"
	"  -V, --version         print the version and exit\n"
	"  -h, --help            print this and exit\n"
	"\n"
	"Signals: SIGTERM, SIGINT and SIGUSR1 finish the requests in flight and exit. SIGHUP\n"
	"reloads the settings.\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' }, { "test", no_argument, NULL, 't' },
	{ "listen", required_argument, NULL, 'l' }, { "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },	    { NULL, 0, NULL, 0 },
};

bool options_parse(int argc, char **argv, struct options *out, int *exit_code)
{
	const char *given[LETTERS_MAX] = { ['c'] = environment_config_file() };
	bool good = command_line_read(argc, argv, "c:tVh", long_options, given);

	*exit_code = EXIT_SUCCESS;
	if (good && given['V']) {
		puts("payments-fcgi " PACKAGE_VERSION);
	} else if (good && given['h']) {
		fputs(help, stdout);
	} else if (good && optind == argc) {
		*out = (struct options){ given['c'], given['l'], given['t'] };
		return true;
	} else {
		fputs("payments-fcgi: see payments-fcgi --help\n", stderr);
		*exit_code = EXIT_USAGE;
	}
	return false;
}
