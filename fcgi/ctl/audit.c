/* payctl audit: checks the books. Exit 0: no findings, 1: findings, 2: the check did not run. */
#include "pay/audit/audit.h"
#include "pay/audit/gateway_audit.h"

#include "fcgi/ctl/ctl.h"

#define AUDIT_TRIP_MS 600000 /* one check of a big database may take minutes */

static const struct option options[] = {
	{ "gateway", no_argument, NULL, 'g' },
	{ "json", no_argument, NULL, 'j' },
	{ "repair", no_argument, NULL, 'r' },
	{ NULL, 0, NULL, 0 },
};

static int audit_command(struct ctl *ctl)
{
	bool json = ctl->given['j'];

	if (!ctl_load(ctl))
		return EXIT_CANNOT;
	ctl->settings.db_trip_ms = AUDIT_TRIP_MS;
	if (!ctl_open(ctl))
		return EXIT_CANNOT;
	if (ctl->given['r'] && !audit_repair(&ctl->service, json ? stderr : stdout))
		return EXIT_CANNOT;
	if (ctl->given['g'])
		return audit_gateway_run(&ctl->service, &ctl->settings, stdout, json);
	return audit_run(&ctl->service, stdout, json);
}

const struct command command_audit = {
	.name = "audit",
	.usage = "[--json] [--repair] [--gateway]",
	.help = "check on the live database that what must never happen has not happened",
	.letters = "gjr",
	.options = options,
	.run = audit_command,
};
