/* payctl audit: checks the books. Exit 0: no findings, 1: findings, 2: the check did not run. */
#include "pay/audit/audit.h"
#include "pay/audit/gateway_audit.h"

#include "fcgi/ctl/ctl.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
	{ "gateway", no_argument, NULL, 'g' },
	{ "json", no_argument, NULL, 'j' },
	{ "repair", no_argument, NULL, 'r' },
	{ NULL, 0, NULL, 0 },
};

#define AUDIT_TRIP_MS 600000 /* one check of a big database may take minutes */

struct wishes {
	bool json, repair, gateway;
};

static int audit_with(const struct settings *settings, const struct wishes *wishes)
{
	struct db_pool *pool = db_pool_open(settings);
	struct service service;
	int code;

	if (!pool) {
		ctl_complain(&command_audit, "out of memory");
		return EXIT_CANNOT;
	}
	service_init(&service, pool, settings);
	if (wishes->repair && !audit_repair(&service, wishes->json ? stderr : stdout))
		code = EXIT_CANNOT;
	else if (wishes->gateway)
		code = audit_gateway_run(&service, settings, stdout, wishes->json);
	else
		code = audit_run(&service, stdout, wishes->json);
	db_pool_close(pool);
	return code;
}

static int audit_command(const struct ctl *ctl, int argc, char **argv)
{
	struct settings settings;
	struct wishes wishes = { .json = false };
	int option, code;

	while ((option = getopt_long(argc, argv, "gjr", options, NULL)) != -1) {
		if (option == 'j')
			wishes.json = true;
		else if (option == 'r')
			wishes.repair = true;
		else if (option == 'g')
			wishes.gateway = true;
		else
			return ctl_usage(&command_audit);
	}
	if (optind != argc)
		return ctl_usage(&command_audit);
	if (!ctl_load(ctl, &settings))
		return EXIT_CANNOT;
	settings.db_trip_ms = AUDIT_TRIP_MS;
	code = audit_with(&settings, &wishes);
	explicit_bzero(&settings, sizeof(settings));
	return code;
}

const struct command command_audit = {
	.name = "audit",
	.run = audit_command,
	.usage = "[--json] [--repair] [--gateway]",
	.help = "check on the live database that what must never happen has not happened",
};
