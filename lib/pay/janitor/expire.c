#include "pay/janitor/expire.h"

#include <string.h>

enum expire_action expire_decide(const struct expire_facts *f, const struct expire_rules *rules)
{
	bool has_intent = f->intent_status != INTENT_NONE;

	if (f->reservation == RESERVATION_NONE ||
	    (has_intent && f->intent_status != INTENT_REQUIRES_PAYMENT))
		return EXPIRE_NOTHING;
	if (f->reservation != RESERVATION_PENDING) {
		if (!has_intent)
			return EXPIRE_NOTHING;
		return f->status_cancelled ? EXPIRE_INTENT_CANCEL : EXPIRE_INTENT;
	}
	if (f->left_ms > 0)
		return EXPIRE_NOTHING;
	if (has_intent)
		return f->is_booking || rules->others ? EXPIRE_HOLD : EXPIRE_INTENT;
	return rules->others && f->left_ms <= -rules->others_late_ms ? EXPIRE_HOLD : EXPIRE_NOTHING;
}

/* One transaction. */
struct expiry {
	const struct db_step *find;
	const struct expire_rules *rules;
	struct buf reservations, intents, statuses; /* to be ended, to be closed, as what: arrays */
	int64_t count;
};

static struct expire_facts read_expire_facts(const struct locked *locked)
{
	bool is_live = intent_is_live(locked->intent_status);

	return (struct expire_facts){
		.intent_status = is_live ? locked->intent_status : INTENT_NONE,
		.is_booking = locked->is_booking,
		.reservation = locked->reservation,
		.status_cancelled = locked->status && strcmp(locked->status, "cancelled") == 0,
		.left_ms = locked->left_ms,
	};
}

static void add_expired(struct expiry *expiry, const struct locked *locked)
{
	struct expire_facts facts = read_expire_facts(locked);
	enum expire_action action = expire_decide(&facts, expiry->rules);

	if (action == EXPIRE_NOTHING)
		return;
	expiry->count++;
	if (action == EXPIRE_HOLD)
		pg_array_add(&expiry->reservations, locked->reservation_id);
	if (facts.intent_status == INTENT_NONE)
		return;
	pg_array_add(&expiry->intents, locked->intent_id);
	pg_array_add(&expiry->statuses,
		     intent_status_name(action == EXPIRE_INTENT_CANCEL ? INTENT_CANCELLED
								       : INTENT_EXPIRED));
}

static enum db_code expire_lock_and_look(struct db_tx *tx, const struct db_result *found,
					 struct db_step *look, const struct db_result **locked)
{
	struct pg_columns rows = { .count = 0 };
	struct buf ids = { .data = NULL };
	enum db_code code = DB_BROKEN;

	for (int row = 0; row < db_rows(found); row++) {
		pg_columns_add(&rows, NULL, db_text(found, row, 0));
		pg_array_add(&ids, db_text(found, row, 0));
	}
	pg_array_end(&ids);
	look->params[0] = buf_text(&ids);
	if (!ids.failed)
		code = lock_and_look(tx, &rows, NULL, look, locked);
	pg_columns_free(&rows);
	buf_free(&ids);
	return code;
}

static enum db_code write_verdicts(struct db_tx *tx, struct expiry *expiry)
{
	struct db_step step = { .sql = SQL_EXPIRE_WRITE };

	pg_array_end(&expiry->reservations);
	pg_array_end(&expiry->intents);
	pg_array_end(&expiry->statuses);
	step.params[0] = buf_text(&expiry->reservations);
	step.params[1] = buf_text(&expiry->intents);
	step.params[2] = buf_text(&expiry->statuses);
	if (expiry->reservations.failed || expiry->intents.failed || expiry->statuses.failed)
		return DB_BROKEN;
	return expiry->count == 0 ? DB_OK : db_tx_commit(tx, &step, 1);
}

static enum db_code expire_body(struct db_tx *tx, void *context)
{
	struct expiry *expiry = context;
	struct db_step find = *expiry->find, look = { .sql = SQL_EXPIRE_LOOK };
	const struct db_result *rows;
	struct locked locked;
	enum db_code code = db_tx_trip(tx, &find, 1);

	expiry->count = 0;
	buf_reset(&expiry->reservations);
	buf_reset(&expiry->intents);
	buf_reset(&expiry->statuses);
	if (code != DB_OK || db_rows(find.result) == 0)
		return code;
	code = expire_lock_and_look(tx, find.result, &look, &rows);
	if (code != DB_OK)
		return code;
	for (int row = 0, place = 0; row < db_rows(rows); place++) {
		locked_read(rows, &row, &locked);
		if (locked_all(&locked, look.result, place, 0))
			add_expired(expiry, &locked);
	}
	return write_verdicts(tx, expiry);
}

enum db_code expire(struct service *service, const struct db_step *find,
		    const struct expire_rules *rules, int64_t *count)
{
	struct expiry expiry = { .find = find, .rules = rules };
	enum db_code code =
		db_tx_run(service->pool, &DB_POLICY_REQUEST, expire_body, &expiry, NULL);

	*count = expiry.count;
	buf_free(&expiry.reservations);
	buf_free(&expiry.intents);
	buf_free(&expiry.statuses);
	return code;
}
