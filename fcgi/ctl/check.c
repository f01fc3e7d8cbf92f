/* payctl check: checks settings, database, rights and indexes. Exit 0: all ok, 1: warnings, 2:
 * errors. */
#include "config/secret.h"
#include "db/preflight.h"
#include "fcgi/ctl/ctl.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_DEFAULT 4 /* this program does not know the size of the pool */
#define WORKERS_MAX 1024

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "workers", required_argument, NULL, 'w' },
	{ NULL, 0, NULL, 0 },
};

struct check_options {
	bool json;
	int workers;
};

static bool check_parse(int argc, char **argv, struct check_options *out)
{
	char *end;
	int option;

	*out = (struct check_options){ .workers = WORKERS_DEFAULT };
	while ((option = getopt_long(argc, argv, "jw:", options, NULL)) != -1) {
		if (option == 'j') {
			out->json = true;
		} else if (option == 'w') {
			out->workers = (int)strtol(optarg, &end, 10);
			if (*end || out->workers < 1 || out->workers > WORKERS_MAX)
				return false;
		} else {
			return false;
		}
	}
	return optind == argc;
}

/* One line for each error or warning of the settings. */
static void check_add_lines(struct preflight *report, enum preflight_verdict verdict, char *lines)
{
	char *rest = NULL;

	for (char *line = lines ? strtok_r(lines, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		preflight_add(report, verdict, "settings", NULL, "%s", line);
}

static bool check_settings(struct preflight *report, const struct ctl *ctl, struct settings *out)
{
	struct buf errors = { 0 };
	bool good;

	if (ctl->database)
		setenv("DATABASE_URL", ctl->database, 1);
	good = settings_load(ctl->file, out, &errors);
	if (good)
		preflight_add(report, PREFLIGHT_OK, "settings", NULL, "complete and in range");
	check_add_lines(report, good ? PREFLIGHT_WARN : PREFLIGHT_FAIL, errors.data);
	buf_free(&errors);
	return good;
}

static void check_jwt_secret(struct preflight *report, const struct settings *settings)
{
	const char *weakness = secret_weakness(settings->jwt_secret);

	if (weakness)
		preflight_add(report, PREFLIGHT_WARN, "secret",
			      "set a random one in the Auth Service and here: openssl rand -hex 32",
			      "JWT_SECRET: %s", weakness);
	else
		preflight_add(report, PREFLIGHT_OK, "secret", NULL, "JWT_SECRET is strong enough");
}

static int check_run(const struct ctl *ctl, int argc, char **argv)
{
	static struct preflight report;
	struct check_options chosen;
	struct settings settings;

	if (!check_parse(argc, argv, &chosen))
		return ctl_usage(&command_check);
	if (check_settings(&report, ctl, &settings)) {
		check_jwt_secret(&report, &settings);
		preflight_database(&report, &settings, chosen.workers);
		explicit_bzero(&settings, sizeof(settings));
	}
	if (chosen.json)
		preflight_print_json(&report, stdout);
	else
		preflight_print(&report, stdout);
	return (int)report.verdict;
}

const struct command command_check = {
	.name = "check",
	.run = check_run,
	.usage = "[--json] [--workers N]",
	.help = "check settings, database, rights and indexes, and say how to fix each problem",
};
