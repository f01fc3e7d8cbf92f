#include "pay/gateway/gateway.h"

#include <stdio.h>
#include <string.h>

static const struct gateway *const gateways[GATEWAY_CHOICES] = {
	[GATEWAY_MOCK] = &gateway_mock,
	[GATEWAY_TOSS] = &gateway_toss,
};

const struct gateway *gateway_by_name(const char *name)
{
	for (int i = 0; i < GATEWAY_CHOICES; i++)
		if (strcmp(gateways[i]->name, name) == 0)
			return gateways[i];
	return NULL;
}

const struct gateway *gateway_for_method(const struct settings *settings, const char *method)
{
	return gateways[settings_gateway(settings, method)];
}

void gateway_answer_set(struct gateway_answer *answer, enum gateway_outcome outcome,
			const char *code)
{
	*answer = (struct gateway_answer){ .outcome = outcome };
	snprintf(answer->code, sizeof(answer->code), "%s", code);
}
