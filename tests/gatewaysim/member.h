/* Members of a JSON object, with a default. */
#ifndef GATEWAYSIM_MEMBER_H
#define GATEWAYSIM_MEMBER_H

#include <cjson/cJSON.h>
#include <stdint.h>

/* "": no such string. */
static inline const char *member_text(const cJSON *json, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

	return text ? text : "";
}

static inline int64_t member_number(const cJSON *json, const char *name, int64_t otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : otherwise;
}

#endif
