/* Reads PAYMENTS_GATEWAYS: the gateway of each payment method. */
#include "config/settings.h"

#include <string.h>

static const char *const names[GATEWAY_CHOICES] = {
	[GATEWAY_MOCK] = "mock", [GATEWAY_TOSS] = "toss"
};

/* One "method=gateway" of the list. */
struct pair {
	const char *method;
	size_t method_length;
	enum gateway_choice choice; /* GATEWAY_CHOICES: no such gateway, or not a pair */
};

static enum gateway_choice find_choice(const char *name, size_t length)
{
	int i;

	for (i = 0; i < GATEWAY_CHOICES; i++)
		if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
			break;
	return (enum gateway_choice)i;
}

/* Moves *text past the pair and its comma. */
static struct pair next_pair(const char **text)
{
	size_t length = strcspn(*text, ","), method_length = strcspn(*text, "=,");
	struct pair pair = { *text, method_length, GATEWAY_CHOICES };

	if (method_length > 0 && method_length < length)
		pair.choice = find_choice(*text + method_length + 1, length - method_length - 1);
	*text += length;
	if (**text == ',')
		(*text)++;
	return pair;
}

bool settings_gateways_valid(const char *gateways)
{
	while (*gateways != '\0')
		if (next_pair(&gateways).choice == GATEWAY_CHOICES)
			return false;
	return true;
}

enum gateway_choice settings_gateway(const struct settings *settings, const char *method)
{
	const char *rest = settings->gateways;

	while (*rest != '\0') {
		struct pair pair = next_pair(&rest);

		if (strlen(method) == pair.method_length &&
		    strncmp(method, pair.method, pair.method_length) == 0)
			return pair.choice;
	}
	return settings->gateway;
}
