/* GET methods: the payment methods. The answer never changes while the process runs, so it is built
 * once, with its ETag. */
#include "fcgi/handle/handle.h"

#include "base/json_out.h"
#include "fcgi/http/http_text.h"
#include "pay/payment/payment.h"

#include <inttypes.h>
#include <stdio.h>

#define CACHE_CONTROL "public, max-age=60"

static struct buf body;
static char etag[24];

/* FNV-1a. The ETag must only differ between builds with different lists. */
static uint64_t hash(const char *text)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		sum = (sum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return sum;
}

bool handle_methods_prepare(void)
{
	struct json_out out = { .buf = &body };

	json_object_begin(&out, NULL);
	json_array_begin(&out, "methods");
	for (int i = 0; i < PAYMENT_METHODS; i++) {
		json_object_begin(&out, NULL);
		json_string(&out, "id", payment_methods[i].id);
		json_string(&out, "name", payment_methods[i].name);
		json_string(&out, "description", payment_methods[i].description);
		json_string(&out, "icon", payment_methods[i].icon);
		json_object_end(&out);
	}
	json_array_end(&out);
	json_object_end(&out);
	snprintf(etag, sizeof(etag), "\"%016" PRIx64 "\"", hash(buf_text(&body)));
	return !body.failed;
}

enum status handle_methods(struct exchange *exchange, struct outcome *outcome)
{
	response_header(&exchange->response, "Cache-Control", CACHE_CONTROL);
	response_header(&exchange->response, "ETag", etag);
	if (http_etag_matches(exchange->request.if_none_match, etag))
		outcome->http = 304;
	else
		buf_append(&outcome->body, body.data, body.length);
	return STATUS_OK;
}
