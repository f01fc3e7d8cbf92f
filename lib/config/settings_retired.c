/* Names of earlier releases. For one release each is ignored with a warning, so that an upgrade
 * starts with the old configuration. */
#include "config/settings_table.h"

#include <string.h>

/* clang-format off */
const struct setting_retired settings_retired[] = {
	{ "PAYMENTS_FRONT_THREADS", "is no longer used; remove it" },
	{ "PAYMENTS_LIST_LOOKS", "is now PAYMENTS_LIST_READS; its old name is ignored" },
};
/* clang-format on */

const size_t settings_retired_count = sizeof(settings_retired) / sizeof(settings_retired[0]);

bool setting_warn_retired(const char *where, const char *name, struct buf *errors)
{
	for (size_t i = 0; i < settings_retired_count; i++) {
		if (strcmp(name, settings_retired[i].name) != 0)
			continue;
		buf_printf(errors, "warning: %s: %s %s\n", where, name,
			   settings_retired[i].message);
		return true;
	}
	return false;
}
