/* payctl audit: do the books add up? Exit 0 they do, 1 findings, 2 it could not be looked into. */
#include "pay/audit.h"

#include "fcgi/ctl/ctl.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 },
};

static int audit_with(const struct settings *settings, bool json)
{
	struct db_pool *pool = db_pool_open(settings);
	struct service service;
	int code;

	if (!pool) {
		ctl_complain(&command_audit, "out of memory");
		return EXIT_CANNOT;
	}
	service_init(&service, pool);
	code = audit_run(&service, stdout, json);
	db_pool_close(pool);
	return code;
}

static int audit_command(const struct ctl *ctl, int argc, char **argv)
{
	struct settings settings;
	bool json = false;
	int option, code;

	while ((option = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		if (option != 'j')
			return ctl_usage(&command_audit);
		json = true;
	}
	if (optind != argc)
		return ctl_usage(&command_audit);
	if (!ctl_load(ctl, &settings))
		return EXIT_CANNOT;
	code = audit_with(&settings, json);
	explicit_bzero(&settings, sizeof(settings));
	return code;
}

const struct command command_audit = {
	.name = "audit",
	.run = audit_command,
	.usage = "[--json]",
	.help = "check on the live database that what must never happen has not happened",
};
