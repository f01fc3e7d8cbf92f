#include "fcgi/options.h"
#include "config.h"

#include "fcgi/environment.h"

#include <getopt.h>
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

enum { OPTION_LISTEN = 256 };

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "test", no_argument, NULL, 't' },
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool usage_refuse(int *exit_code)
{
	fputs("payments-fcgi: see payments-fcgi --help\n", stderr);
	*exit_code = EXIT_USAGE;
	return false;
}

bool options_parse(int argc, char **argv, struct options *out, int *exit_code)
{
	int option;

	*out = (struct options){ .file = environment_config_file() };
	*exit_code = EXIT_SUCCESS;
	while ((option = getopt_long(argc, argv, "c:tVh", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			out->file = optarg;
			break;
		case 't':
			out->test = true;
			break;
		case OPTION_LISTEN:
			out->listen = optarg;
			break;
		case 'V':
			puts("payments-fcgi " PACKAGE_VERSION);
			return false;
		case 'h':
			fputs(help, stdout);
			return false;
		default:
			return usage_refuse(exit_code);
		}
	}
	return optind == argc || usage_refuse(exit_code);
}
