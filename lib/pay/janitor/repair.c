#include "pay/janitor/repair.h"

#include "base/decimal.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "pay/lock.h"
#include "pay/metrics.h"

#include <stdio.h>
#include <string.h>

enum repair_action repair_decide(const struct repair_facts *f)
{
	if (!f->is_succeeded || f->kept_krw <= 0)
		return REPAIR_NOTHING;
	if (f->reservation == RESERVATION_CANCELLED || f->marked_refunded)
		return REPAIR_REFUND_CANCELLED;
	if (f->reservation == RESERVATION_PAID && f->seats_reserved == f->seats)
		return REPAIR_NOTHING;
	if (f->reservation == RESERVATION_PAID || f->reservation == RESERVATION_LAPSED)
		return f->seats_of_others == 0 ? REPAIR_RESTORE : REPAIR_REFUND_HOLD_LOST;
	return REPAIR_REVIEW;
}

struct repair {
	const struct repair_ids *ids;
	enum repair_action action;
};

static struct repair_facts read_repair_facts(const struct locked *locked, int64_t own_seats)
{
	return (struct repair_facts){
		.is_succeeded = locked->intent_status == INTENT_SUCCEEDED,
		.marked_refunded =
			locked->payment_status && strcmp(locked->payment_status, "refunded") == 0,
		.reservation = locked->reservation,
		.kept_krw = locked->charged_krw - locked->refund_krw,
		.seats = locked->seats,
		.seats_reserved = locked->seats_reserved,
		.seats_of_others = locked->seats - own_seats,
	};
}

static enum db_code restore(struct db_tx *tx, const struct locked *locked)
{
	struct buf seats = { .data = NULL };
	struct db_step step = { .sql = SQL_REPAIR_RESTORE,
				.params = { locked->intent_id, locked->attempt_id.text,
					    locked->reservation_id } };
	struct locked_seat seat;
	enum db_code code = DB_BROKEN;
	int position = 0;

	while (locked_next_seat(locked, &position, &seat))
		pg_array_add(&seats, seat.id);
	pg_array_end(&seats);
	step.params[3] = buf_text(&seats);
	if (!seats.failed)
		code = db_tx_commit(tx, &step, 1);
	buf_free(&seats);
	return code;
}

static enum db_code give_back(struct db_tx *tx, const struct locked *locked, const char *reason)
{
	struct uuid refund = uuid_new();
	struct decimal kept = decimal(locked->charged_krw - locked->refund_krw);
	struct db_step step = { .sql = SQL_REFUND_ORDER,
				.params = { refund.text, locked->intent_id, locked->attempt_id.text,
					    kept.text, reason, NULL, NULL, "refund_pending" } };

	return db_tx_commit(tx, &step, 1);
}

static enum db_code review(struct db_tx *tx, const struct locked *locked)
{
	char what[128];
	struct db_step step = { .sql = SQL_REPAIR_REVIEW,
				.params = { locked->intent_id, locked->attempt_id.text, what } };

	snprintf(what, sizeof(what), "settled, but its reservation is %s/%s",
		 locked->status ? locked->status : "gone",
		 locked->payment_status ? locked->payment_status : "-");
	return db_tx_commit(tx, &step, 1);
}

static enum db_code write_repair(struct db_tx *tx, const struct locked *locked,
				 enum repair_action action)
{
	switch (action) {
	case REPAIR_RESTORE:
		return restore(tx, locked);
	case REPAIR_REFUND_HOLD_LOST:
		return give_back(tx, locked, "hold_lost");
	case REPAIR_REFUND_CANCELLED:
		return give_back(tx, locked, "followed");
	case REPAIR_REVIEW:
		return review(tx, locked);
	case REPAIR_NOTHING:
		break;
	}
	return DB_OK;
}

static enum db_code repair_body(struct db_tx *tx, void *context)
{
	struct repair *repair = context;
	struct lock_ids ids = { repair->ids->intent.text, repair->ids->reservation.text };
	struct db_step look = { .sql = SQL_REPAIR_LOOK, .params = { ids.reservation } };
	struct repair_facts facts;
	struct locked locked;
	enum db_code code = lock_one(tx, &ids, &look, &locked);

	repair->action = REPAIR_NOTHING;
	if (code != DB_OK || !locked.intent_id)
		return code;
	facts = read_repair_facts(&locked, db_integer(look.result, 0, 0));
	FAULT_POINT("repair_locked");
	repair->action = repair_decide(&facts);
	return write_repair(tx, &locked, repair->action);
}

static void report_repair(const struct repair *repair)
{
	static const char *const events[] = {
		[REPAIR_RESTORE] = "payment_healed",
		[REPAIR_REFUND_HOLD_LOST] = "payment_lost",
		[REPAIR_REFUND_CANCELLED] = "payment_followed",
		[REPAIR_REVIEW] = "payment_needs_review",
	};
	static const char *const words[] = {
		[REPAIR_RESTORE] = "another service overwrote its reservation; restored",
		[REPAIR_REFUND_HOLD_LOST] = "another service overwrote its reservation and its "
					    "seats are sold; refund ordered",
		[REPAIR_REFUND_CANCELLED] =
			"its reservation was cancelled elsewhere; refund ordered",
		[REPAIR_REVIEW] =
			"its reservation is in a state no rule knows; a person must decide",
	};

	if (repair->action == REPAIR_RESTORE)
		metrics_count(METRIC_REPAIRED);
	if (repair->action == REPAIR_REFUND_CANCELLED)
		metrics_count(METRIC_CANCELLED_ELSEWHERE);
	if (repair->action != REPAIR_NOTHING)
		log_event(repair->action == REPAIR_REVIEW ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
			  events[repair->action], "intent %s: %s", repair->ids->intent.text,
			  words[repair->action]);
}

enum db_code repair_intent(struct service *service, const struct repair_ids *ids,
			   enum repair_action *action)
{
	struct repair repair = { ids, REPAIR_NOTHING };
	enum db_code code =
		db_tx_run(service->pool, &DB_POLICY_REQUEST, repair_body, &repair, NULL);

	FAULT_POINT("repair_done");
	if (code == DB_OK)
		report_repair(&repair);
	*action = repair.action;
	return code;
}
