/* payctl token: an access token as the Auth Service would issue it, for development and tests. */
#include "auth/token_issue.h"

#include "base/clock.h"
#include "db/db.h"
#include "db/user.h"
#include "fcgi/ctl/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define TTL_DEFAULT_S 3600
#define TTL_MAX_S (366 * 86400)

static const struct option options[] = {
	{ "user", required_argument, NULL, 'u' },
	{ "role", required_argument, NULL, 'r' },
	{ "ttl", required_argument, NULL, 't' },
	{ NULL, 0, NULL, 0 },
};

struct token_options {
	const char *user; /* UUID or e-mail address */
	const char *role; /* NULL: the role of the user, or "user" */
	int64_t ttl_s;
};

/* "90", "15m", "12h", "7d". */
static bool token_parse_ttl(const char *text, int64_t *ttl_s)
{
	static const struct {
		const char *suffix;
		int64_t s;
	} units[] = {
		{ "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 },
	};
	char *end;
	long count;

	errno = 0;
	count = strtol(text, &end, 10);
	if (errno || end == text || count < 1 || count > TTL_MAX_S)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].suffix) == 0) {
			*ttl_s = count * units[i].s;
			return *ttl_s <= TTL_MAX_S;
		}
	return false;
}

static bool token_role_ok(const char *role)
{
	return strcmp(role, "user") == 0 || strcmp(role, "admin") == 0;
}

static bool token_parse(int argc, char **argv, struct token_options *out)
{
	bool good = true;
	int option;

	*out = (struct token_options){ .ttl_s = TTL_DEFAULT_S };
	while ((option = getopt_long(argc, argv, "u:r:t:", options, NULL)) != -1) {
		if (option == 'u')
			out->user = optarg;
		else if (option == 'r')
			good &= token_role_ok(out->role = optarg);
		else if (option == 't')
			good &= token_parse_ttl(optarg, &out->ttl_s);
		else
			good = false;
	}
	return good && out->user && optind == argc;
}

static bool token_look_up(const struct settings *settings, const char *email, struct db_user *user)
{
	char why[DB_USER_WHY_MAX];
	struct buf conninfo = { 0 };
	enum db_code code;

	db_conninfo(settings, &conninfo);
	code = db_user_find(buf_text(&conninfo), email, user, why);
	ctl_forget(&conninfo);
	if (code != DB_OK)
		ctl_complain(&command_token, "%s cannot be looked up: %s", email, why);
	else if (!*user->id.text)
		ctl_complain(&command_token, "no user has the e-mail address %s", email);
	return code == DB_OK && *user->id.text;
}

static int token_print(const struct settings *settings, const struct token_options *chosen)
{
	const char *email = strchr(chosen->user, '@') ? chosen->user : "";
	struct db_user user = { .role = "user" };
	char *token;

	if (*email) {
		if (!token_look_up(settings, email, &user))
			return EXIT_FAILURE;
	} else if (!uuid_parse(chosen->user, &user.id)) {
		ctl_complain(&command_token, "\"%s\" is neither a UUID nor an e-mail address",
			     chosen->user);
		return EXIT_CANNOT;
	}
	token = token_issue(settings->jwt_secret, user.id.text, email,
			    chosen->role ? chosen->role : user.role, clock_unix_ms() / 1000,
			    chosen->ttl_s);
	if (!token) {
		ctl_complain(&command_token, "out of memory");
		return EXIT_FAILURE;
	}
	puts(token);
	explicit_bzero(token, strlen(token));
	free(token);
	return EXIT_SUCCESS;
}

static int token_run(const struct ctl *ctl, int argc, char **argv)
{
	struct token_options chosen;
	struct settings settings;
	int code;

	if (!token_parse(argc, argv, &chosen))
		return ctl_usage(&command_token);
	if (!ctl_load(ctl, &settings))
		return EXIT_CANNOT;
	code = token_print(&settings, &chosen);
	explicit_bzero(&settings, sizeof(settings));
	return code;
}

const struct command command_token = {
	.name = "token",
	.run = token_run,
	.usage = "--user UUID|EMAIL [--role user|admin] [--ttl N[s|m|h|d]]",
	.help = "print an access token signed with JWT_SECRET, valid for one hour or for --ttl",
};
