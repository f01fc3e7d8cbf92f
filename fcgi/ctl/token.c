/* payctl token: an access token as the Auth Service would issue it, for development and tests. */
#include "auth/token_issue.h"

#include "base/clock.h"
#include "db/user.h"
#include "fcgi/ctl/ctl.h"

#include <errno.h>
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

static bool token_look_up(struct ctl *ctl, const char *email, struct db_user *user)
{
	char why[DB_USER_WHY_MAX];
	struct buf conninfo = { 0 };
	enum db_code code;

	db_conninfo(&ctl->settings, &conninfo);
	code = db_user_find(buf_text(&conninfo), email, user, why);
	ctl_forget(&conninfo);
	if (code != DB_OK)
		ctl_complain(ctl, "%s cannot be looked up: %s", email, why);
	else if (!*user->id.text)
		ctl_complain(ctl, "no user has the e-mail address %s", email);
	return code == DB_OK && *user->id.text;
}

/* Prints a token of the user. `role`: NULL for the role that the user has. */
static int token_print(struct ctl *ctl, const char *role, int64_t ttl_s)
{
	const char *name = ctl->given['u'];
	const char *email = strchr(name, '@') ? name : "";
	struct db_user user = { .role = "user" };
	char *token;

	if (*email) {
		if (!token_look_up(ctl, email, &user))
			return EXIT_FAILURE;
	} else if (!uuid_parse(name, &user.id)) {
		ctl_complain(ctl, "\"%s\" is neither a UUID nor an e-mail address", name);
		return EXIT_CANNOT;
	}
	token = token_issue(ctl->settings.jwt_secret, user.id.text, email, role ? role : user.role,
			    clock_unix_ms() / 1000, ttl_s);
	if (!token) {
		ctl_complain(ctl, "out of memory");
		return EXIT_FAILURE;
	}
	puts(token);
	explicit_bzero(token, strlen(token));
	free(token);
	return EXIT_SUCCESS;
}

static int token_run(struct ctl *ctl)
{
	const char *role = ctl->given['r'], *ttl = ctl->given['t'];
	int64_t ttl_s = TTL_DEFAULT_S;

	if (!ctl->given['u'] || (ttl && !token_parse_ttl(ttl, &ttl_s)) ||
	    (role && strcmp(role, "user") != 0 && strcmp(role, "admin") != 0))
		return ctl_usage(ctl, stderr);
	if (!ctl_load(ctl))
		return EXIT_CANNOT;
	return token_print(ctl, role, ttl_s);
}

const struct command command_token = {
	.name = "token",
	.usage = "--user UUID|EMAIL [--role user|admin] [--ttl N[s|m|h|d]]",
	.help = "print an access token signed with JWT_SECRET, valid for one hour or for --ttl",
	.letters = "u:r:t:",
	.options = options,
	.run = token_run,
};
