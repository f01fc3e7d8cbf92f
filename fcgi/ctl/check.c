/* payctl check: checks settings, database, rights and indexes. Exit 0: all ok, 1: warnings, 2:
 * errors. */
#include "config/secret.h"
#include "db/preflight.h"
#include "fcgi/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>

#define WORKERS_DEFAULT 4 /* this program does not know the size of the pool */
#define WORKERS_MAX 1024

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "workers", required_argument, NULL, 'w' },
	{ NULL, 0, NULL, 0 },
};

/* False: the text is no number of processes. */
static bool read_workers(const char *text, int *out)
{
	char *end;

	*out = text ? (int)strtol(text, &end, 10) : WORKERS_DEFAULT;
	return !text || (!*end && *out >= 1 && *out <= WORKERS_MAX);
}

/* One line for each error or warning of the settings. */
static void check_add_lines(struct preflight *report, enum preflight_verdict verdict, char *lines)
{
	char *rest = NULL;

	for (char *line = lines ? strtok_r(lines, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		preflight_add(report, verdict, "settings", NULL, "%s", line);
}

static bool check_settings(struct preflight *report, struct ctl *ctl)
{
	struct buf errors = { 0 };
	bool good = ctl_read_settings(ctl, &errors);

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

static int check_run(struct ctl *ctl)
{
	static struct preflight report;
	int workers;

	if (!read_workers(ctl->given['w'], &workers))
		return ctl_usage(ctl, stderr);
	if (check_settings(&report, ctl)) {
		check_jwt_secret(&report, &ctl->settings);
		preflight_database(&report, &ctl->settings, workers);
	}
	if (ctl->given['j'])
		preflight_print_json(&report, stdout);
	else
		preflight_print(&report, stdout);
	return (int)report.verdict;
}

const struct command command_check = {
	.name = "check",
	.usage = "[--json] [--workers N]",
	.help = "check settings, database, rights and indexes, and say how to fix each problem",
	.letters = "jw:",
	.options = options,
	.run = check_run,
};
