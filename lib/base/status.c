#include "base/status.h"

#include <assert.h>

static const struct status_info infos[STATUS_COUNT] = {
#define STATUS_INFO(name, http, retry, ko, en) [STATUS_##name] = { #name, http, retry, { ko, en } },
	STATUS_TABLE(STATUS_INFO)
#undef STATUS_INFO
};

const struct status_info *status_info(enum status status)
{
	assert((unsigned int)status < STATUS_COUNT);
	return &infos[status];
}

const char *status_message(enum status status, enum language language)
{
	assert(language == LANGUAGE_KO || language == LANGUAGE_EN);
	return status_info(status)->message[language];
}

const char *language_name(enum language language)
{
	return language == LANGUAGE_EN ? "en" : "ko";
}
