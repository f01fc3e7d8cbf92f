/* Shared by the handlers. */
#include "fcgi/handle/handle.h"

#include <string.h>

bool handle_is_missing(const struct json_in *json, const char *key)
{
	enum json_type type = json_in_type(json, key);
	const char *text = json_in_string(json, key);

	return type == JSON_ABSENT || type == JSON_NULL || (text && *text == '\0');
}

bool handle_read_uuid(const struct json_in *json, const char *key, struct uuid *out)
{
	const char *text = json_in_string(json, key);

	return text && uuid_parse(text, out);
}

const char *handle_read_text(const struct json_in *json, const char *key, size_t most)
{
	const char *text = json_in_string(json, key);

	return text && strlen(text) <= most ? text : NULL;
}
