#include "pay/janitor/repair.h"

#include "base/fault_point.h"
#include "base/log.h"
#include "db/statement.h"
#include "pay/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A second's share of each scan takes the database some 5 ms, so that no payment has to wait behind
 * it: 2,000 intents of the last hour and heal_s, 1,000 of all there are (a million in 17 minutes).
 * See repair.sql.
 */
#define SCAN_INTERVAL_S "1"
#define FOUND_MAX 500 /* more are found by the next scan */

enum repair_column {
	I_STATUS,
	I_ATTEMPT,
	KEPT,
	R_ID,
	R_STATUS,
	R_PAYMENT_STATUS,
	SEATS,
	SEATS_RESERVED,
	SEATS_OF_OTHERS,
	SEAT_IDS
};

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
	const struct uuid *intent;
	enum repair_action action;
};

static void read_facts(const struct db_result *r, struct repair_facts *facts)
{
	const char *payment_status = db_text(r, 0, R_PAYMENT_STATUS);

	facts->is_succeeded = intent_status_parse(db_text(r, 0, I_STATUS)) == INTENT_SUCCEEDED;
	facts->marked_refunded = payment_status && strcmp(payment_status, "refunded") == 0;
	facts->reservation = reservation_state_of(db_text(r, 0, R_STATUS), payment_status);
	facts->kept_krw = db_integer(r, 0, KEPT);
	facts->seats = db_integer(r, 0, SEATS);
	facts->seats_reserved = db_integer(r, 0, SEATS_RESERVED);
	facts->seats_of_others = db_integer(r, 0, SEATS_OF_OTHERS);
}

static enum db_code restore(struct db_tx *tx, const struct repair *repair,
			    const struct db_result *r)
{
	struct db_step step = { .sql = SQL_REPAIR_RESTORE,
				.params = { repair->intent->text, db_text(r, 0, I_ATTEMPT),
					    db_text(r, 0, R_ID), db_text(r, 0, SEAT_IDS) } };

	return db_tx_commit(tx, &step, 1);
}

static enum db_code give_back(struct db_tx *tx, const struct repair *repair,
			      const struct db_result *r, const char *reason)
{
	struct uuid refund = uuid_new();
	struct db_step step = { .sql = SQL_REFUND_ORDER,
				.params = { refund.text, repair->intent->text,
					    db_text(r, 0, I_ATTEMPT), db_text(r, 0, KEPT), reason,
					    NULL, NULL, "refund_pending" } };

	return db_tx_commit(tx, &step, 1);
}

static enum db_code review(struct db_tx *tx, const struct repair *repair, const struct db_result *r)
{
	char what[128];
	const char *status = db_text(r, 0, R_STATUS),
		   *payment_status = db_text(r, 0, R_PAYMENT_STATUS);
	struct db_step step = { .sql = SQL_REPAIR_REVIEW,
				.params = { repair->intent->text, db_text(r, 0, I_ATTEMPT),
					    what } };

	snprintf(what, sizeof(what), "settled, but its reservation is %s/%s",
		 status ? status : "gone", payment_status ? payment_status : "-");
	return db_tx_commit(tx, &step, 1);
}

static enum db_code repair_body(struct db_tx *tx, void *context)
{
	struct repair *repair = context;
	struct repair_facts facts;
	struct db_step lock = { .sql = SQL_REPAIR_LOCK, .params = { repair->intent->text } };
	enum db_code code = db_tx_trip(tx, &lock, 1);

	repair->action = REPAIR_NOTHING;
	if (code != DB_OK || db_rows(lock.result) == 0)
		return code;
	read_facts(lock.result, &facts);
	FAULT_POINT("repair_locked");
	repair->action = repair_decide(&facts);
	switch (repair->action) {
	case REPAIR_RESTORE:
		return restore(tx, repair, lock.result);
	case REPAIR_REFUND_HOLD_LOST:
		return give_back(tx, repair, lock.result, "hold_lost");
	case REPAIR_REFUND_CANCELLED:
		return give_back(tx, repair, lock.result, "followed");
	case REPAIR_REVIEW:
		return review(tx, repair, lock.result);
	case REPAIR_NOTHING:
		break;
	}
	return DB_OK;
}

static void tell(const struct repair *repair)
{
	static const char *const events[] = {
		[REPAIR_RESTORE] = "payment_healed",
		[REPAIR_REFUND_HOLD_LOST] = "payment_lost",
		[REPAIR_REFUND_CANCELLED] = "payment_followed",
		[REPAIR_REVIEW] = "payment_needs_review",
	};
	static const char *const words[] = {
		[REPAIR_RESTORE] = "somebody overwrote its reservation; restored",
		[REPAIR_REFUND_HOLD_LOST] =
			"somebody overwrote its reservation and its seats are sold; refund ordered",
		[REPAIR_REFUND_CANCELLED] =
			"its reservation was cancelled elsewhere; refund ordered",
		[REPAIR_REVIEW] = "its reservation is in a state no rule knows; a person must look",
	};

	if (repair->action == REPAIR_RESTORE)
		metrics_count(METRIC_REPAIRED);
	if (repair->action == REPAIR_REFUND_CANCELLED)
		metrics_count(METRIC_CANCELLED_ELSEWHERE);
	if (repair->action != REPAIR_NOTHING)
		log_event(repair->action == REPAIR_REVIEW ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
			  events[repair->action], "intent %s: %s", repair->intent->text,
			  words[repair->action]);
}

enum db_code repair_intent(struct service *service, const struct uuid *intent,
			   enum repair_action *action)
{
	struct repair repair = { intent, REPAIR_NOTHING };
	enum db_code code =
		db_tx_run(service->pool, &DB_POLICY_REQUEST, repair_body, &repair, NULL);

	FAULT_POINT("repair_done");
	if (code == DB_OK)
		tell(&repair);
	*action = repair.action;
	return code;
}

struct found {
	int count;
	struct uuid position; /* of a patrol */
	struct uuid intents[FOUND_MAX];
};

static void keep_found(const struct db_result *r, void *context)
{
	struct found *found = context;
	int rows = db_rows(r);

	found->count = 0;
	for (int row = 0; row < rows && found->count < FOUND_MAX; row++)
		uuid_parse(db_text(r, row, 0), &found->intents[found->count++]);
}

static void keep_scan(const struct db_result *r, void *context)
{
	struct found *found = context;
	int rows = db_rows(r);

	found->count = 0;
	for (int row = 0; row < rows; row++) {
		if (db_boolean(r, row, 1))
			uuid_parse(db_text(r, row, 0), &found->position);
		else if (found->count < FOUND_MAX)
			uuid_parse(db_text(r, row, 0), &found->intents[found->count++]);
	}
}

static void keep_position(const struct db_result *r, void *context)
{
	struct found *found = context;

	found->position.text[0] = '\0';
	if (db_rows(r) == 1)
		uuid_parse(db_text(r, 0, 0), &found->position);
}

static int repair_found(struct service *service, const struct found *found)
{
	enum repair_action action;
	int repaired = 0;

	for (int i = 0; i < found->count; i++) {
		if (repair_intent(service, &found->intents[i], &action) != DB_OK)
			return -1;
		repaired += action != REPAIR_NOTHING;
	}
	return repaired;
}

/* Runs the query, then heals what it found. */
static int find_and_repair(struct service *service, struct db_statement *find,
			   const struct found *found)
{
	return db_statement_run(service->pool, find) ? repair_found(service, found) : -1;
}

/* One of the janitors scans on from where the last one left off, and leaves off where it came
 * to. */
static int scan(struct service *service, const char *task, struct db_step step)
{
	struct found *found = calloc(1, sizeof(*found));
	struct uuid from;
	struct db_statement take = { { .sql = SQL_TASK_TAKE, .params = { task, SCAN_INTERVAL_S } },
				     keep_position,
				     found };
	struct db_statement find = { step, keep_scan, found };
	struct db_statement move = { { .sql = SQL_TASK_MOVE, .params = { task } }, NULL, NULL };
	int repaired = -1;

	if (!found)
		return -1;
	if (db_statement_run(service->pool, &take)) {
		from = found->position;
		find.step.params[0] = from.text;
		repaired = from.text[0] == '\0' ? 0 : find_and_repair(service, &find, found);
		move.step.params[1] = found->position.text;
		if (repaired >= 0 && from.text[0] != '\0' &&
		    !db_statement_run(service->pool, &move))
			repaired = -1;
	}
	free(found);
	return repaired;
}

int repair_recent(struct service *service, const struct settings *settings)
{
	char seconds[16];

	snprintf(seconds, sizeof(seconds), "%d", settings->heal_s);
	return scan(service, "heal",
		    (struct db_step){ .sql = SQL_REPAIR_SCAN, .params = { NULL, seconds } });
}

int repair_full(struct service *service, const struct settings *settings)
{
	(void)settings;
	return scan(service, "patrol", (struct db_step){ .sql = SQL_REPAIR_FULL_SCAN });
}

int repair_everything(struct service *service)
{
	struct found *found = calloc(1, sizeof(*found));
	struct db_statement find = { { .sql = SQL_REPAIR_ALL, .params = { "500" } },
				     keep_found,
				     found };
	int repaired = 0, round = -1;

	/* as long as a round still moves something on: what it cannot mend is left for a person */
	while (found && (round = find_and_repair(service, &find, found)) > 0)
		repaired += round;
	free(found);
	return round < 0 ? -1 : repaired;
}
