/* cJSON accepts much that is not JSON: our scanner checks the text, cJSON builds the tree. */
#include "base/json_in.h"

#include "base/json_scan.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_LIMIT 9007199254740992.0 /* 2^53: above it doubles skip integers */
#define KEYS_ON_STACK 32		 /* no body of the API has more members */

struct json_in {
	cJSON *root;
};

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool keys_repeat(const char **keys, size_t count)
{
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < count; i++)
		if (strcmp(keys[i - 1], keys[i]) == 0)
			return true;
	return false;
}

/* Sorting avoids quadratic time: a body of 64 KiB may have thousands of keys. */
static enum status check_keys(const cJSON *object)
{
	const char *few[KEYS_ON_STACK];
	size_t count = (size_t)cJSON_GetArraySize(object);
	const char **keys = count <= KEYS_ON_STACK ? few : calloc(count, sizeof(*keys));
	const cJSON *child;
	bool repeat;

	if (!keys)
		return STATUS_INTERNAL_ERROR;
	count = 0;
	cJSON_ArrayForEach(child, object) keys[count++] = child->string;
	repeat = keys_repeat(keys, count);
	if (keys != few)
		free(keys);
	return repeat ? STATUS_MALFORMED_JSON : STATUS_OK;
}

/* Keys are compared after decoding. The scanner has limited the depth. */
static enum status check_tree(const cJSON *item)
{
	enum status status = cJSON_IsObject(item) ? check_keys(item) : STATUS_OK;
	const cJSON *child;

	cJSON_ArrayForEach(child, item)
	{
		if (status != STATUS_OK)
			break;
		status = check_tree(child);
	}
	return status;
}

enum status json_in_parse(const char *text, size_t length, struct json_in **out)
{
	enum status status = STATUS_INTERNAL_ERROR;
	struct json_in *json;

	*out = NULL;
	if (!text || !json_scan_object(text, length))
		return STATUS_MALFORMED_JSON;

	json = calloc(1, sizeof(*json));
	if (json)
		json->root = cJSON_ParseWithLengthOpts(text, length, NULL, false);
	if (json && json->root)
		status = check_tree(json->root);
	if (status == STATUS_OK)
		*out = json;
	else
		json_in_free(json);
	return status;
}

static void wipe_tree(cJSON *item)
{
	cJSON *child;

	if (item->valuestring)
		explicit_bzero(item->valuestring, strlen(item->valuestring));
	if (item->string)
		explicit_bzero(item->string, strlen(item->string));
	item->valuedouble = 0; /* a cvv may be a number */
	item->valueint = 0;
	cJSON_ArrayForEach(child, item) wipe_tree(child);
}

void json_in_free(struct json_in *json)
{
	if (!json)
		return;
	if (json->root)
		wipe_tree(json->root);
	cJSON_Delete(json->root);
	free(json);
}

static const cJSON *member_find(const struct json_in *json, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(json->root, key);
}

enum json_type json_in_type(const struct json_in *json, const char *key)
{
	const cJSON *item = member_find(json, key);

	if (!item)
		return JSON_ABSENT;
	if (cJSON_IsBool(item))
		return JSON_BOOL;
	if (cJSON_IsNumber(item))
		return JSON_NUMBER;
	if (cJSON_IsString(item))
		return JSON_STRING;
	if (cJSON_IsArray(item))
		return JSON_ARRAY;
	return cJSON_IsObject(item) ? JSON_OBJECT : JSON_NULL;
}

const char *json_in_string(const struct json_in *json, const char *key)
{
	return cJSON_GetStringValue(member_find(json, key));
}

bool json_in_integer(const struct json_in *json, const char *key, int64_t *out)
{
	const cJSON *item = member_find(json, key);
	double value;

	if (!cJSON_IsNumber(item))
		return false;
	value = item->valuedouble;
	/* 2^53 and 2^53 + 1 are the same double: both are refused */
	if (!(value > -INTEGER_LIMIT && value < INTEGER_LIMIT) || (double)(int64_t)value != value)
		return false;
	*out = (int64_t)value;
	return true;
}

int json_in_each(const struct json_in *json, const char *key,
		 void (*visit)(const struct json_in *element, void *context), void *context)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(json->root, key);
	cJSON *one = cJSON_IsArray(item) ? item->child : item;
	int count = 0;

	for (; one; one = one == item ? NULL : one->next) {
		struct json_in element = { .root = one };

		if (!cJSON_IsObject(one))
			continue;
		visit(&element, context);
		count++;
	}
	return count;
}

bool json_in_strings(const struct json_in *json, const char *key, const char **out, size_t most,
		     size_t *count)
{
	const cJSON *array = member_find(json, key);
	const cJSON *item;

	*count = 0;
	if (!cJSON_IsArray(array))
		return false;
	cJSON_ArrayForEach(item, array)
	{
		if (*count == most || !cJSON_IsString(item))
			return false;
		out[(*count)++] = item->valuestring;
	}
	return true;
}
