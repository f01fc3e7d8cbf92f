#define _GNU_SOURCE 1 /* POLLRDHUP */

#include "fcgi/http/request.h"

#include "base/clock.h"
#include "base/uuid.h"
#include "fcgi/http/http_text.h"

#include <fcgiapp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOUNT_DEFAULT "/api/v1/payments"

/* The parameters that are read. nginx sets those without HTTP_ itself: no client can forge them. */
/* clang-format off */
enum param {
	PARAM_METHOD, PARAM_URI, PARAM_QUERY, PARAM_MOUNT, PARAM_ID, PARAM_MSEC, PARAM_LENGTH,
	PARAM_TYPE, PARAM_TYPE_HEADER, PARAM_AUTHORIZATION, PARAM_KEY, PARAM_IF_NONE_MATCH,
	PARAM_LANGUAGE, PARAM_COUNT
};
/* clang-format on */

#define NAMED(name) name, sizeof(name) - 1

static const struct {
	const char *name;
	size_t length;
	bool once; /* twice, the header would be ambiguous */
} params[PARAM_COUNT] = {
	[PARAM_METHOD] = { NAMED("REQUEST_METHOD"), false },
	[PARAM_URI] = { NAMED("DOCUMENT_URI"), false },
	[PARAM_QUERY] = { NAMED("QUERY_STRING"), false },
	[PARAM_MOUNT] = { NAMED("PAYMENTS_MOUNT"), false },
	[PARAM_ID] = { NAMED("REQUEST_ID"), false },
	[PARAM_MSEC] = { NAMED("REQUEST_MSEC"), false },
	[PARAM_LENGTH] = { NAMED("CONTENT_LENGTH"), false },
	[PARAM_TYPE] = { NAMED("CONTENT_TYPE"), true },
	[PARAM_TYPE_HEADER] = { NAMED("HTTP_CONTENT_TYPE"), true }, /* nginx passes both names */
	[PARAM_AUTHORIZATION] = { NAMED("HTTP_AUTHORIZATION"), true },
	[PARAM_KEY] = { NAMED("HTTP_IDEMPOTENCY_KEY"), true },
	[PARAM_IF_NONE_MATCH] = { NAMED("HTTP_IF_NONE_MATCH"), false },
	[PARAM_LANGUAGE] = { NAMED("HTTP_ACCEPT_LANGUAGE"), false },
};

/* The parameter of "NAME=value"; PARAM_COUNT: none that is read. */
static enum param param_of(const char *entry, size_t length)
{
	int i;

	for (i = 0; i < PARAM_COUNT; i++)
		if (params[i].length == length && memcmp(params[i].name, entry, length) == 0)
			break;
	return (enum param)i;
}

/* Fills values[]; NULL: absent. True: a header was repeated that may come only once. */
static bool params_read(char **envp, const char *values[PARAM_COUNT])
{
	bool repeated = false;

	memset(values, 0, PARAM_COUNT * sizeof(values[0]));
	for (; *envp; envp++) {
		size_t length = strcspn(*envp, "=");
		enum param param = (*envp)[length] == '=' ? param_of(*envp, length) : PARAM_COUNT;

		if (param == PARAM_COUNT)
			continue;
		if (!values[param])
			values[param] = *envp + length + 1;
		else if (params[param].once)
			repeated = true;
	}
	return repeated;
}

static enum request_method method_parse(const char *name)
{
	static const char *const names[METHOD_OTHER] = {
		[METHOD_GET] = "GET",
		[METHOD_HEAD] = "HEAD",
		[METHOD_POST] = "POST",
		[METHOD_DELETE] = "DELETE",
	};

	for (int i = 0; i < METHOD_OTHER; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum request_method)i;
	return METHOD_OTHER;
}

/* The time since nginx passed the request on. Two clocks may differ: a negative time is 0. */
static int64_t queued_ms_since(const char *msec)
{
	int64_t passed_ms = http_unix_ms(msec);
	int64_t queued_ms = passed_ms < 0 ? 0 : clock_unix_ms() - passed_ms;

	return queued_ms > 0 ? queued_ms : 0;
}

static void id_take(struct request *request, const char *id)
{
	struct uuid fresh;

	if (!id || !http_id_sane(id)) {
		fresh = uuid_new();
		id = fresh.text;
	}
	snprintf(request->id, sizeof(request->id), "%s", id);
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

void request_read(struct request *request, struct FCGX_Request *fcgx,
		  const struct settings *settings)
{
	const char *values[PARAM_COUNT];

	*request = (struct request){ .fcgx = fcgx, .started_us = clock_mono_us() };
	request->header_repeated = params_read(fcgx->envp, values);
	request->method_name = or_empty(values[PARAM_METHOD]);
	request->method = method_parse(request->method_name);
	request->mount = values[PARAM_MOUNT] ? values[PARAM_MOUNT] : MOUNT_DEFAULT;
	request->path_ok = http_path_below(or_empty(values[PARAM_URI]), request->mount,
					   request->path, sizeof(request->path));
	request->query = or_empty(values[PARAM_QUERY]);
	request->authorization = values[PARAM_AUTHORIZATION];
	request->idempotency_key = values[PARAM_KEY];
	request->if_none_match = values[PARAM_IF_NONE_MATCH];
	request->is_json = http_is_json(values[PARAM_TYPE]);
	request->language = http_language(values[PARAM_LANGUAGE], settings->language);
	request->content_length = http_length(values[PARAM_LENGTH]);
	request->queued_ms = queued_ms_since(values[PARAM_MSEC]);
	id_take(request, values[PARAM_ID]);
}

enum status request_read_body(struct request *request, const struct settings *settings)
{
	FCGX_Stream *in = request->fcgx->in;
	int length;

	if (request->content_length > settings->body_max_bytes)
		return STATUS_PAYLOAD_TOO_LARGE;
	if (request->content_length != 0 && !request->is_json)
		return STATUS_UNSUPPORTED_MEDIA_TYPE;
	if (request->header_repeated || request->content_length < 0)
		return STATUS_BAD_REQUEST;
	length = (int)request->content_length;
	request->body = malloc((size_t)length + 1);
	if (!request->body)
		return STATUS_INTERNAL_ERROR;
	request->body_length = (size_t)FCGX_GetStr(request->body, length, in);
	request->body[request->body_length] = '\0';
	if (!request_is_whole(request))
		return STATUS_BAD_REQUEST;
	/* frees 8 KiB while this request waits for its gateway */
	FCGX_FreeStream(&request->fcgx->in);
	return STATUS_OK;
}

bool request_is_whole(const struct request *request)
{
	FCGX_Stream *in = request->fcgx->in;

	if (!in)
		return true;
	/* the body was not read, so it is still in the connection */
	if (request->content_length < 0 || (size_t)request->content_length != request->body_length)
		return false;
	return FCGX_GetChar(in) == EOF && FCGX_GetError(in) == 0;
}

bool request_hung_up(const struct request *request)
{
	struct pollfd peer = { .fd = request->fcgx->ipcFd, .events = POLLRDHUP };

	return poll(&peer, 1, 0) > 0;
}

bool request_too_old(const struct request *request, const struct settings *settings)
{
	int64_t taken_ms = (clock_mono_us() - request->started_us) / 1000;

	return request->queued_ms + taken_ms > settings->queue_patience_ms;
}

void request_free(struct request *request)
{
	if (request->authorization)
		explicit_bzero((char *)request->authorization, strlen(request->authorization));
	if (request->body)
		explicit_bzero(request->body, request->body_length);
	free(request->body);
}
