#include "pay/gateway/toss_http.h"

#include "base/fault_point.h"
#include "base/log.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>

#define ANSWER_MAX ((size_t)64 * 1024) /* a payment with its cancels has a few thousand bytes */
#define CONNECTION_IDLE_S 30L	       /* a connection that was idle longer is not used again */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t handle_key;

static void handle_end(void *handle)
{
	curl_easy_cleanup(handle);
}

static void handle_init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	pthread_key_create(&handle_key, handle_end);
}

/* One handle per thread: it caches the address and the TLS session. */
static CURL *handle_get(void)
{
	CURL *handle;

	pthread_once(&once, handle_init);
	handle = pthread_getspecific(handle_key);
	if (!handle) {
		handle = curl_easy_init();
		pthread_setspecific(handle_key, handle);
	} else {
		curl_easy_reset(handle);
	}
	return handle;
}

static size_t body_take(char *bytes, size_t size, size_t count, void *context)
{
	struct buf *body = context;

	FAULT_POINT("wire_first_byte");
	buf_append(body, bytes, size * count);
	return body->failed ? 0 : size * count;
}

static void handle_set_bounds(CURL *handle, const struct settings *settings,
			      const struct toss_request *request)
{
	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)request->deadline_ms);
	curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->toss_connect_ms);
	curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(handle, CURLOPT_PROXY,
			 ""); /* a forgotten http_proxy must not see payments */
	curl_easy_setopt(handle, CURLOPT_MAXCONNECTS, 1L);
	curl_easy_setopt(handle, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_S);
}

static void handle_set_post(CURL *handle, const struct toss_request *request)
{
	curl_easy_setopt(handle, CURLOPT_POST, 1L);
	curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request->body);
	/* If a kept connection breaks before an answer, libcurl sends the request again. A charge
	 * must be sent once, so a POST uses a new connection. */
	curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
}

static struct curl_slist *make_headers(const struct toss_request *request)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json"),
			  *more;
	char line[128];

	if (!request->idempotency_key || !headers)
		return headers;
	snprintf(line, sizeof(line), "Idempotency-Key: %s", request->idempotency_key);
	more = curl_slist_append(headers, line);
	if (!more)
		curl_slist_free_all(headers);
	return more;
}

static const char *fault_of(CURLcode code, const struct buf *body)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return "GATEWAY_TIMEOUT";
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return "GATEWAY_DOWN";
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return "GATEWAY_NOT_TRUSTED";
	case CURLE_WRITE_ERROR:
		return body->failed ? "ANSWER_TOO_LONG" : "GATEWAY_BROKE_OFF";
	default:
		return "GATEWAY_BROKE_OFF";
	}
}

static void handle_perform(CURL *handle, struct buf *body, struct toss_reply *reply)
{
	CURLcode code;
	long http = 0;

	FAULT_POINT("wire_unsent");
	code = curl_easy_perform(handle);
	FAULT_POINT("wire_answered");
	if (code == CURLE_OK)
		curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &http);
	else
		reply->fault = fault_of(code, body);
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
		log_event(LOG_LEVEL_ERROR, "gateway_not_trusted",
			  "the certificate of TOSS_BASE_URL is not valid (%s): check the address, "
			  "the clock and the package ca-certificates",
			  curl_easy_strerror(code));
	reply->http = (int)http;
	reply->body = buf_text(body);
	reply->length = body->length;
}

void toss_http_exchange(const struct settings *settings, const struct toss_request *request,
			struct buf *body, struct toss_reply *reply)
{
	CURL *handle = handle_get();
	struct curl_slist *headers = make_headers(request);
	struct buf url = { .data = NULL };

	*reply = (struct toss_reply){ .fault = "NO_MEMORY" };
	body->limit = ANSWER_MAX;
	buf_printf(&url, "%s%s", settings->toss_base_url, request->path);
	if (!handle || !headers || url.failed)
		goto out;
	handle_set_bounds(handle, settings, request);
	curl_easy_setopt(handle, CURLOPT_URL, buf_text(&url));
	curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(handle, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl_easy_setopt(handle, CURLOPT_USERNAME, settings->toss_secret_key);
	curl_easy_setopt(handle, CURLOPT_PASSWORD, "");
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, body);
	if (request->body)
		handle_set_post(handle, request);
	handle_perform(handle, body, reply);
	/* the handle must not keep anything of this request */
	curl_easy_reset(handle);
out:
	curl_slist_free_all(headers);
	buf_free(&url);
}
