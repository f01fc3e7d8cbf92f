#include "pay/gateway.h"

#include <stddef.h>
#include <string.h>

static const struct gateway *const gateways[] = { &gateway_mock };

const struct gateway *gateway_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(gateways) / sizeof(gateways[0]); i++)
		if (strcmp(gateways[i]->name, name) == 0)
			return gateways[i];
	return NULL;
}

const struct gateway *gateway_for_method(const struct settings *settings, const char *method)
{
	(void)settings;
	(void)method;
	return &gateway_mock;
}
