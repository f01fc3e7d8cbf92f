/* Reads each setting from its sources, then checks the whole set. */
#include "config/settings.h"

#include "config/secret.h"
#include "config/settings_sources.h"

#include <string.h>

static bool read_one(const struct settings_sources *sources, const struct setting *setting,
		     struct settings *set, struct buf *errors)
{
	const char *where;
	const char *text = settings_sources_value(sources, setting, &where);

	if (!text)
		text = setting->fallback;
	if (setting_parse(setting, text, set))
		return true;
	buf_printf(errors, "%s: %s takes ", where, setting->name);
	setting_describe(setting, errors);
	if (!(setting->flags & SETTING_SECRET))
		buf_printf(errors, ", not \"%.64s\"", text);
	buf_puts(errors, "\n");
	return false;
}

static bool read_set(const char *file, struct settings *set, struct buf *errors)
{
	struct settings_sources sources;
	bool good = settings_sources_open(&sources, file, errors);

	memset(set, 0, sizeof(*set));
	for (size_t i = 0; i < settings_count; i++)
		good &= read_one(&sources, &settings_table[i], set, errors);
	settings_sources_close(&sources);
	return good;
}

/* Development accepts a weak secret with a warning. */
static bool check_secret(const struct settings *set, const char *name, const char *secret,
			 struct buf *errors)
{
	const char *weakness = secret_weakness(secret);
	bool warning = set->mode == MODE_DEVELOPMENT;

	if (!weakness)
		return true;
	buf_printf(errors, "%s%s is too weak: %s\n", warning ? "warning: " : "", name, weakness);
	return warning;
}

static bool check_secrets(const struct settings *set, struct buf *errors)
{
	bool good;

	if (!*set->jwt_secret) { /* in every mode: an empty key signs for every user */
		buf_puts(errors, "JWT_SECRET is missing or empty; it must be the Auth Service's\n");
		return false;
	}
	good = check_secret(set, "JWT_SECRET", set->jwt_secret, errors);
	if (*set->jwt_secret_previous)
		good &= check_secret(set, "JWT_SECRET_PREVIOUS", set->jwt_secret_previous, errors);
	return good;
}

static bool check_above(const char *name, int32_t value, const char *floor_name, int32_t floor,
			struct buf *errors)
{
	if (value > floor)
		return true;
	buf_printf(errors, "%s (%d) must be above %s (%d)\n", name, value, floor_name, floor);
	return false;
}

static bool check_mock(const struct settings *set, struct buf *errors)
{
	bool good = set->mock_min_delay_ms <= set->mock_max_delay_ms;

	if (!good)
		buf_printf(errors,
			   "PAYMENTS_MOCK_MIN_DELAY_MS (%d) must not be above "
			   "PAYMENTS_MOCK_MAX_DELAY_MS (%d)\n",
			   set->mock_min_delay_ms, set->mock_max_delay_ms);
	return check_above("PAYMENTS_MOCK_LEASE_MS", set->mock_lease_ms,
			   "PAYMENTS_MOCK_DEADLINE_MS", set->mock_deadline_ms, errors) &&
	       good;
}

/* True if `choice` charges at least one payment method. */
static bool is_used(const struct settings *set, enum gateway_choice choice)
{
	static const char *const methods[] = { "credit_card", "naver_pay", "kakao_pay",
					       "bank_transfer" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (settings_gateway(set, methods[i]) == choice)
			return true;
	return false;
}

/* Without TLS the secret key of the merchant could be read on the network. */
static bool check_toss_url(const struct settings *set, struct buf *errors)
{
	const char *url = set->toss_base_url;
	bool plain = strncmp(url, "http://", 7) == 0, secure = strncmp(url, "https://", 8) == 0;

	if ((secure || (plain && set->mode == MODE_DEVELOPMENT)) && url[strlen(url) - 1] != '/')
		return true;
	buf_puts(errors, "TOSS_BASE_URL must begin with https:// (http:// in development) and not "
			 "end in a slash\n");
	return false;
}

static bool check_toss(const struct settings *set, struct buf *errors)
{
	bool good = check_above("PAYMENTS_TOSS_LEASE_MS", set->toss_lease_ms,
				"PAYMENTS_TOSS_DEADLINE_MS", set->toss_deadline_ms, errors);

	if (!is_used(set, GATEWAY_TOSS))
		return good;
	if (!*set->toss_secret_key) {
		buf_puts(errors, "TOSS_SECRET_KEY is missing: PAYMENTS_GATEWAY or "
				 "PAYMENTS_GATEWAYS names toss\n");
		good = false;
	}
	return check_toss_url(set, errors) && good;
}

static bool check_gateways(const struct settings *set, struct buf *errors)
{
	if (!settings_gateways_valid(set->gateways)) {
		buf_puts(errors,
			 "PAYMENTS_GATEWAYS takes method=gateway pairs with commas between them, "
			 "the gateways being mock and toss\n");
		return false;
	}
	return check_toss(set, errors);
}

static bool check_set(const struct settings *set, struct buf *errors)
{
	bool good = check_secrets(set, errors);

	good = check_mock(set, errors) && good;
	return check_gateways(set, errors) && good;
}

static void keep_until_restart(struct settings *set, const struct settings *now, struct buf *errors)
{
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];
		void *value = (char *)set + setting->offset;
		const void *old = (const char *)now + setting->offset;

		/* a whole text may be compared: all bytes after it are zero */
		if (!(setting->flags & SETTING_RESTART) || memcmp(value, old, setting->size) == 0)
			continue;
		memcpy(value, old, setting->size);
		buf_printf(errors, "warning: %s changes with a restart only\n", setting->name);
	}
}

bool settings_load(const char *file, const struct settings *now, struct settings *out,
		   struct buf *errors)
{
	struct settings set;
	bool good = read_set(file, &set, errors);

	if (good && now)
		keep_until_restart(&set, now, errors);
	good = good && check_set(&set, errors);
	if (good)
		*out = set;
	explicit_bzero(&set, sizeof(set));
	return good;
}
