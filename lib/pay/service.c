#include "pay/service.h"

#include "base/log.h"
#include "pay/booking/booking.h"
#include "pay/metrics.h"
#include "pay/payment/claim.h"
#include "pay/payment/settle.h"

#include <limits.h>
#include <string.h>

#define SCHEMA_NEEDED 2 /* the migration this build's statements were written for */

void service_init(struct service *service, struct db_pool *pool, const struct settings *settings)
{
	memset(service, 0, sizeof(*service));
	service->pool = pool;
	process_id_self(service->process_id);
	batch_init(&service->claims, claim_batch, true, settings->batch_max, settings->batches);
	batch_init(&service->settlements, settle_batch, true, settings->batch_max,
		   settings->batches);
	batch_init(&service->lists, booking_list_batch, false, settings->batch_max,
		   settings->list_reads);
	for (int i = 0; i < SERVICE_SEAT_MAPS; i++)
		batch_init(&service->seat_maps[i], seat_map_batch, false, INT_MAX, 1);
}

void service_count_batch(const struct batch_member *first, bool alone)
{
	if (alone)
		return;
	metrics_count(METRIC_BATCHES);
	for (; first; first = first->next)
		metrics_count(METRIC_BATCHED);
}

void outcome_error(struct outcome *outcome, const struct call *call, enum status status)
{
	outcome->status = status;
	outcome->http = 0;
	buf_reset(&outcome->body);
	spliced_free(&outcome->shared);
	answer_error(&outcome->body, status, call->language, call->request_id);
}

void outcome_free(struct outcome *outcome)
{
	buf_free(&outcome->body);
	spliced_free(&outcome->shared);
}

enum status service_status_of(enum db_code code)
{
	switch (code) {
	case DB_OK:
		return STATUS_OK;
	case DB_CONFLICT:
		return STATUS_PAYMENT_IN_PROGRESS;
	case DB_LOST:
	case DB_MAYBE:
	case DB_UNAVAILABLE:
	case DB_UNFIT:
		return STATUS_SERVICE_UNAVAILABLE;
	case DB_BROKEN:
		break;
	}
	return STATUS_INTERNAL_ERROR;
}

static void read_exists(const struct db_step *steps, void *context)
{
	*(bool *)context = db_boolean(steps[0].result, 0, 0);
}

enum status service_check_user(struct call *call)
{
	struct db_step step = { .sql = SQL_USER_EXISTS,
				.params = { call->principal.user_id.text } };
	bool exists = false;
	enum db_code code;

	code = db_read(call->service->pool, &step, 1, read_exists, &exists, &call->db);
	if (code != DB_OK)
		return service_status_of(code);
	return exists ? STATUS_OK : STATUS_USER_NOT_FOUND;
}

static void read_version(const struct db_step *steps, void *context)
{
	*(int64_t *)context = db_integer(steps[0].result, 0, 0);
}

enum status service_ready(struct service *service, struct buf *why)
{
	struct db_step step = { .sql = SQL_SCHEMA_STATE };
	int64_t version = 0;
	enum db_code code;

	code = db_read(service->pool, &step, 1, read_version, &version, NULL);
	if (code == DB_UNFIT || code == DB_BROKEN) {
		buf_puts(why, "schema \"payments\" cannot be read: run payctl migrate --grant ROLE "
			      "as its owner");
		return STATUS_SERVICE_UNAVAILABLE;
	}
	if (code != DB_OK) {
		buf_puts(why, "the database cannot be reached");
		return STATUS_SERVICE_UNAVAILABLE;
	}
	if (version < SCHEMA_NEEDED) {
		buf_printf(why,
			   "schema \"payments\" is at migration %lld, this build needs %d: run "
			   "payctl migrate",
			   (long long)version, SCHEMA_NEEDED);
		return STATUS_SERVICE_UNAVAILABLE;
	}
	return STATUS_OK;
}
