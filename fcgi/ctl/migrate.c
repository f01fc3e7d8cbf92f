/* payctl migrate: brings schema payments to the version that this build needs. */
#include "db/migrate.h"

#include "fcgi/ctl/ctl.h"

#include <getopt.h>
#include <stdlib.h>

static const struct option options[] = {
	{ "grant", required_argument, NULL, 'g' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ NULL, 0, NULL, 0 },
};

static int migrate_run(const struct ctl *ctl, int argc, char **argv)
{
	const char *role = NULL;
	bool dry_run = false;
	struct buf conninfo = { 0 };
	int option, code = EXIT_CANNOT;

	while ((option = getopt_long(argc, argv, "g:n", options, NULL)) != -1) {
		if (option == 'g')
			role = optarg;
		else if (option == 'n')
			dry_run = true;
		else
			return ctl_usage(&command_migrate);
	}
	if (optind != argc)
		return ctl_usage(&command_migrate);
	if (ctl_conninfo(ctl, &conninfo))
		code = db_migrate(buf_text(&conninfo), stdout, dry_run, role);
	ctl_forget(&conninfo);
	return code;
}

const struct command command_migrate = {
	.name = "migrate",
	.run = migrate_run,
	.usage = "[--grant ROLE] [--dry-run]",
	.help = "bring the database to the schema of this build; --grant gives ROLE the rights of "
		"the service",
};
