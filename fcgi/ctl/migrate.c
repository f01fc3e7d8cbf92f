/* payctl migrate: brings schema payments to the version that this build needs. */
#include "db/migrate.h"

#include "fcgi/ctl/ctl.h"

static const struct option options[] = {
	{ "grant", required_argument, NULL, 'g' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ NULL, 0, NULL, 0 },
};

static int migrate_run(struct ctl *ctl)
{
	struct buf conninfo = { 0 };
	int code = EXIT_CANNOT;

	if (ctl->database) /* no settings are needed */
		buf_puts(&conninfo, ctl->database);
	else if (ctl_load(ctl))
		db_conninfo(&ctl->settings, &conninfo);
	else
		return EXIT_CANNOT;
	if (!conninfo.failed)
		code = db_migrate(buf_text(&conninfo), stdout, ctl->given['n'], ctl->given['g']);
	ctl_forget(&conninfo);
	return code;
}

const struct command command_migrate = {
	.name = "migrate",
	.usage = "[--grant ROLE] [--dry-run]",
	.help = "bring the database to the schema of this build; --grant gives ROLE the rights of "
		"the service",
	.letters = "g:n",
	.options = options,
	.run = migrate_run,
};
