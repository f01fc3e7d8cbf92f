#include "pay/janitor.h"

#include "base/log.h"
#include "pay/gateway.h"
#include "pay/intent.h"
#include "pay/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATEWAY_NAME_MAX 32
#define REASON_MAX 32
#define OWNERS_MAX 256	       /* processes looked at in a round; more wait for the next */
#define KEYS_INTERVAL_S "60"   /* how often old idempotency keys are dropped, by one of the janitors */
#define KEYS_BATCH "10000"
#define REFUND_REVIEW_PAUSE_S 300

/* One statement in a transaction of its own; `keep` copies what it returned. */
struct job {
	struct db_step step;
	void (*keep)(const struct db_result *result, void *context);
	void *context;
};

static enum db_code job_body(struct db_tx *tx, void *context)
{
	struct job *job = context;
	enum db_code code = db_tx_commit(tx, &job->step, 1);

	if (code == DB_OK && job->keep != NULL)
		job->keep(job->step.result, job->context);
	return code;
}

static bool job_run(struct service *service, struct job *job)
{
	return db_tx_run(service->pool, &DB_POLICY_REQUEST, job_body, job, NULL) == DB_OK;
}

static void keep_count(const struct db_result *result, void *context)
{
	*(int64_t *)context = db_integer(result, 0, 0);
}

static void keep_rows(const struct db_result *result, void *context)
{
	*(int64_t *)context = db_rows(result);
}

/* --- attempts whose process died ------------------------------------------------------------- */

struct owners {
	int count;
	char names[OWNERS_MAX][OWNER_MAX];
};

static void keep_dead_owners(const struct db_step *steps, void *context)
{
	struct owners *owners = context;
	int row, rows = db_rows(steps[0].result);

	for (row = 0; row < rows && owners->count < OWNERS_MAX; row++) {
		const char *owner = db_text(steps[0].result, row, 0);

		if (owner_is_dead(owner))
			snprintf(owners->names[owners->count++], OWNER_MAX, "%s", owner);
	}
}

static bool take_orphans(struct service *service)
{
	struct db_step ask = { .sql = SQL_ATTEMPTS_OWNERS };
	struct owners *owners = calloc(1, sizeof(*owners));
	bool ok;
	int i;

	if (owners == NULL)
		return false;
	ok = db_read(service->pool, &ask, 1, keep_dead_owners, owners, NULL) == DB_OK;
	for (i = 0; ok && i < owners->count; i++) {
		int64_t orphans = 0;
		struct job job = { { .sql = SQL_ATTEMPTS_ORPHANED, .params = { owners->names[i] } },
				   keep_rows, &orphans };

		ok = job_run(service, &job);
		if (orphans > 0)
			log_event(LOG_LEVEL_WARN, "worker_died", "%lld attempts of a dead process are looked up",
				  (long long)orphans);
	}
	free(owners);
	return ok;
}

/* --- look-ups -------------------------------------------------------------------------------- */

struct look_up {
	struct uuid attempt;
	char gateway[GATEWAY_NAME_MAX];
	int look_ups, not_founds; /* look_ups counts this one */
	int64_t age_ms;
};

struct look_ups {
	int count, most;
	struct look_up *items;
};

static void keep_look_ups(const struct db_result *r, void *context)
{
	struct look_ups *batch = context;
	int row, rows = db_rows(r);

	batch->count = rows < batch->most ? rows : batch->most;
	for (row = 0; row < batch->count; row++) {
		struct look_up *item = &batch->items[row];

		uuid_parse(db_text(r, row, 0), &item->attempt);
		snprintf(item->gateway, sizeof(item->gateway), "%s", db_text(r, row, 1));
		item->look_ups = (int)db_integer(r, row, 2);
		item->not_founds = (int)db_integer(r, row, 3);
		item->age_ms = db_integer(r, row, 4);
	}
}

/*
 * A gateway that knows no such key has not charged it, but only once a charge
 * that was on its way must have arrived (the horizon), and as often as that
 * gateway's word is needed. Before that it is no answer.
 */
static void judge_not_found(const struct gateway *gateway, const struct settings *settings,
			    const struct look_up *item, struct gateway_answer *answer)
{
	bool counts = item->age_ms > gateway->horizon_ms(settings);

	answer->outcome = GATEWAY_UNKNOWN;
	if (!counts || item->not_founds + 1 < gateway->not_founds_needed)
		return;
	answer->outcome = GATEWAY_DECLINED;
	snprintf(answer->code, sizeof(answer->code), "NOT_CHARGED");
}

/* False where the database did not take it: the rest of the batch waits as well. */
static bool look_up(struct service *service, const struct settings *settings, const struct look_up *item)
{
	const struct gateway *gateway = gateway_by_name(item->gateway);
	struct gateway_answer answer = { .outcome = GATEWAY_UNKNOWN };
	struct record record = { .attempt = item->attempt,
				 .answer = &answer,
				 .settings = settings,
				 .policy = &DB_POLICY_REQUEST,
				 .look_ups = item->look_ups };
	bool recorded;

	if (gateway == NULL) {
		log_event(LOG_LEVEL_ERROR, "gateway_missing", "attempt %s was made at gateway \"%s\", which this build has not",
			  item->attempt.text, item->gateway);
		snprintf(answer.code, sizeof(answer.code), "GATEWAY_MISSING");
	} else {
		gateway->look_up(settings, &item->attempt, &answer);
		if (answer.outcome == GATEWAY_NOT_FOUND) {
			record.not_found = item->age_ms > gateway->horizon_ms(settings);
			judge_not_found(gateway, settings, item, &answer);
		}
	}
	recorded = record_answer(service, &record, NULL) == DB_OK;
	buf_free(&record.body);
	return recorded;
}

static int64_t do_look_ups(struct service *service, const struct settings *settings)
{
	struct look_ups batch = { .most = settings->janitor_batch };
	char most[16], again_ms[16];
	struct job job = { { .sql = SQL_ATTEMPTS_TAKE, .params = { most, again_ms } }, keep_look_ups, &batch };
	int i;

	batch.items = calloc((size_t)batch.most, sizeof(*batch.items));
	if (batch.items == NULL)
		return -1;
	snprintf(most, sizeof(most), "%d", batch.most);
	/* as long as a look-up and its record may take; then another janitor may think this one dead */
	snprintf(again_ms, sizeof(again_ms), "%d", 30000);
	if (!job_run(service, &job))
		batch.count = -1;
	for (i = 0; i < batch.count; i++)
		if (!look_up(service, settings, &batch.items[i]))
			break;
	free(batch.items);
	return batch.count;
}

/* --- refunds --------------------------------------------------------------------------------- */

struct refund_due {
	struct uuid refund, attempt;
	char gateway[GATEWAY_NAME_MAX];
	char reason[REASON_MAX];
	int64_t amount_krw;
	int tries; /* counts this one */
};

struct refunds_due {
	int count, most;
	struct refund_due *items;
};

static void keep_refunds(const struct db_result *r, void *context)
{
	struct refunds_due *batch = context;
	int row, rows = db_rows(r);

	batch->count = rows < batch->most ? rows : batch->most;
	for (row = 0; row < batch->count; row++) {
		struct refund_due *item = &batch->items[row];

		uuid_parse(db_text(r, row, 0), &item->refund);
		uuid_parse(db_text(r, row, 1), &item->attempt);
		snprintf(item->gateway, sizeof(item->gateway), "%s", db_text(r, row, 2));
		item->amount_krw = db_integer(r, row, 3);
		snprintf(item->reason, sizeof(item->reason), "%s", db_text(r, row, 4));
		item->tries = (int)db_integer(r, row, 5);
	}
}

static enum db_code refund_done_body(struct db_tx *tx, void *context)
{
	const struct refund_due *item = context;
	struct db_step lock = { .sql = SQL_REFUND_LOCK, .params = { item->refund.text } };
	struct db_step done = { .sql = SQL_REFUND_DONE };
	enum db_code code = db_tx_trip(tx, &lock, 1);

	if (code != DB_OK)
		return code;
	if (db_rows(lock.result) != 1 || strcmp(db_text(lock.result, 0, 3), "done") == 0)
		return DB_OK;
	done.params[0] = item->refund.text;
	done.params[1] = db_text(lock.result, 0, 0);
	done.params[2] = db_text(lock.result, 0, 1);
	done.params[3] = db_text(lock.result, 0, 2);
	return db_tx_commit(tx, &done, 1);
}

static void refund_again(struct service *service, const struct refund_due *item, const struct gateway_answer *answer)
{
	bool refused = answer->outcome == GATEWAY_DECLINED;
	char pause_s[16];
	struct job job = { { .sql = SQL_REFUND_AGAIN,
			     .params = { item->refund.text, pause_s, refused ? "needs_review" : "pending",
					 answer->code } },
			   NULL, NULL };

	snprintf(pause_s, sizeof(pause_s), "%d", refused ? REFUND_REVIEW_PAUSE_S : look_up_pause_s(item->tries));
	log_event(refused ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, refused ? "refund_refused" : "refund_delayed",
		  "refund %s of %lld won, try %d: %s", item->refund.text, (long long)item->amount_krw, item->tries,
		  answer->code);
	job_run(service, &job);
}

/* The refund's id is the gateway's key, so asking again after a doubt gives nothing back twice. */
static void send_refund(struct service *service, const struct settings *settings, struct refund_due *item)
{
	const struct gateway *gateway = gateway_by_name(item->gateway);
	struct gateway_answer answer = { .outcome = GATEWAY_UNKNOWN, .code = "GATEWAY_MISSING" };
	struct gateway_refund refund = { .key = item->refund,
					 .attempt = item->attempt,
					 .amount_krw = item->amount_krw,
					 .reason = item->reason };

	if (gateway != NULL)
		gateway->refund(settings, &refund, &answer);
	if (answer.outcome == GATEWAY_APPROVED)
		db_tx_run(service->pool, &DB_POLICY_REQUEST, refund_done_body, item, NULL);
	else
		refund_again(service, item, &answer);
}

static int64_t do_refunds(struct service *service, const struct settings *settings)
{
	struct refunds_due batch = { .most = settings->janitor_batch };
	char most[16];
	struct job job = { { .sql = SQL_REFUNDS_TAKE, .params = { most, "30000" } }, keep_refunds, &batch };
	int i;

	batch.items = calloc((size_t)batch.most, sizeof(*batch.items));
	if (batch.items == NULL)
		return -1;
	snprintf(most, sizeof(most), "%d", batch.most);
	if (!job_run(service, &job))
		batch.count = -1;
	for (i = 0; i < batch.count; i++)
		send_refund(service, settings, &batch.items[i]);
	free(batch.items);
	return batch.count;
}

/* --- holds and keys -------------------------------------------------------------------------- */

static int64_t expire(struct service *service, const struct settings *settings, enum sql_id sql, bool foreign)
{
	int64_t count = 0;
	char most[16];
	struct job job = { { .sql = sql, .params = { most, foreign ? "true" : "false" } }, keep_count, &count };

	snprintf(most, sizeof(most), "%d", settings->janitor_batch);
	return job_run(service, &job) ? count : -1;
}

static bool drop_keys(struct service *service)
{
	int64_t taken = 0;
	struct job take = { { .sql = SQL_TASK_TAKE, .params = { "keys", KEYS_INTERVAL_S } }, keep_rows, &taken };
	struct job drop = { { .sql = SQL_KEYS_DROP, .params = { KEYS_BATCH } }, NULL, NULL };

	if (!job_run(service, &take))
		return false;
	return taken == 0 || job_run(service, &drop);
}

int janitor_round(struct service *service, const struct settings *settings)
{
	int64_t looked_up, refunded, expired, foreign = 0;

	if (!take_orphans(service))
		return -1;
	looked_up = do_look_ups(service, settings);
	refunded = looked_up < 0 ? -1 : do_refunds(service, settings);
	expired = refunded < 0 ? -1 : expire(service, settings, SQL_EXPIRE_DUE, settings->expire_foreign);
	if (expired >= 0 && settings->expire_foreign)
		foreign = expire(service, settings, SQL_EXPIRE_FOREIGN, false);
	if (expired < 0 || foreign < 0 || !drop_keys(service))
		return -1;
	return (int)(looked_up + refunded + expired + foreign);
}
