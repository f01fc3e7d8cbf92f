#include "pay/janitor/repair.h"

#include "base/fault_point.h"
#include "base/log.h"
#include "db/statement.h"
#include "pay/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A second's share of each walk takes the database some 5 ms, so that no payment has to wait behind
 * it: 2,000 intents of the last hour and heal_s, 1,000 of all there are (a million in 17 minutes).
 * See heal.sql.
 */
#define WALK_INTERVAL_S "1"
#define FOUND_MAX 500 /* more are found by the next walk */

enum heal_column {
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

enum heal_action heal_decide(const struct heal_facts *f)
{
	if (!f->is_succeeded || f->kept_krw <= 0)
		return HEAL_NOTHING;
	if (f->reservation == RESERVATION_CANCELLED || f->marked_refunded)
		return HEAL_FOLLOW;
	if (f->reservation == RESERVATION_PAID && f->seats_reserved == f->seats)
		return HEAL_NOTHING;
	if (f->reservation == RESERVATION_PAID || f->reservation == RESERVATION_LAPSED)
		return f->seats_of_others == 0 ? HEAL_RESTORE : HEAL_REFUND_HOLD_LOST;
	return HEAL_REVIEW;
}

struct heal {
	const struct uuid *intent;
	enum heal_action action;
};

static void read_facts(const struct db_result *r, struct heal_facts *facts)
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

static enum db_code restore(struct db_tx *tx, const struct heal *heal, const struct db_result *r)
{
	struct db_step step = { .sql = SQL_HEAL_RESTORE,
				.params = { heal->intent->text, db_text(r, 0, I_ATTEMPT),
					    db_text(r, 0, R_ID), db_text(r, 0, SEAT_IDS) } };

	return db_tx_commit(tx, &step, 1);
}

static enum db_code give_back(struct db_tx *tx, const struct heal *heal, const struct db_result *r,
			      const char *reason)
{
	struct uuid refund = uuid_new();
	struct db_step step = { .sql = SQL_REFUND_ORDER,
				.params = { refund.text, heal->intent->text,
					    db_text(r, 0, I_ATTEMPT), db_text(r, 0, KEPT), reason,
					    NULL, NULL, "refund_pending" } };

	return db_tx_commit(tx, &step, 1);
}

static enum db_code review(struct db_tx *tx, const struct heal *heal, const struct db_result *r)
{
	char what[128];
	const char *status = db_text(r, 0, R_STATUS),
		   *payment_status = db_text(r, 0, R_PAYMENT_STATUS);
	struct db_step step = { .sql = SQL_HEAL_REVIEW,
				.params = { heal->intent->text, db_text(r, 0, I_ATTEMPT), what } };

	snprintf(what, sizeof(what), "settled, but its reservation is %s/%s",
		 status ? status : "gone", payment_status ? payment_status : "-");
	return db_tx_commit(tx, &step, 1);
}

static enum db_code heal_body(struct db_tx *tx, void *context)
{
	struct heal *heal = context;
	struct heal_facts facts;
	struct db_step lock = { .sql = SQL_HEAL_LOCK, .params = { heal->intent->text } };
	enum db_code code = db_tx_trip(tx, &lock, 1);

	heal->action = HEAL_NOTHING;
	if (code != DB_OK || db_rows(lock.result) == 0)
		return code;
	read_facts(lock.result, &facts);
	FAULT_POINT("heal_locked");
	heal->action = heal_decide(&facts);
	switch (heal->action) {
	case HEAL_RESTORE:
		return restore(tx, heal, lock.result);
	case HEAL_REFUND_HOLD_LOST:
		return give_back(tx, heal, lock.result, "hold_lost");
	case HEAL_FOLLOW:
		return give_back(tx, heal, lock.result, "followed");
	case HEAL_REVIEW:
		return review(tx, heal, lock.result);
	case HEAL_NOTHING:
		break;
	}
	return DB_OK;
}

static void tell(const struct heal *heal)
{
	static const char *const events[] = {
		[HEAL_RESTORE] = "payment_healed",
		[HEAL_REFUND_HOLD_LOST] = "payment_lost",
		[HEAL_FOLLOW] = "payment_followed",
		[HEAL_REVIEW] = "payment_needs_review",
	};
	static const char *const words[] = {
		[HEAL_RESTORE] = "somebody overwrote its reservation; restored",
		[HEAL_REFUND_HOLD_LOST] =
			"somebody overwrote its reservation and its seats are sold; refund ordered",
		[HEAL_FOLLOW] = "its reservation was cancelled elsewhere; refund ordered",
		[HEAL_REVIEW] = "its reservation is in a state no rule knows; a person must look",
	};

	if (heal->action == HEAL_RESTORE)
		metrics_count(METRIC_HEALED);
	if (heal->action == HEAL_FOLLOW)
		metrics_count(METRIC_FOLLOWED);
	if (heal->action != HEAL_NOTHING)
		log_event(heal->action == HEAL_REVIEW ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
			  events[heal->action], "intent %s: %s", heal->intent->text,
			  words[heal->action]);
}

enum db_code heal_intent(struct service *service, const struct uuid *intent,
			 enum heal_action *action)
{
	struct heal heal = { intent, HEAL_NOTHING };
	enum db_code code = db_tx_run(service->pool, &DB_POLICY_REQUEST, heal_body, &heal, NULL);

	FAULT_POINT("heal_done");
	if (code == DB_OK)
		tell(&heal);
	*action = heal.action;
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

static void keep_walk(const struct db_result *r, void *context)
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

static int heal_found(struct service *service, const struct found *found)
{
	enum heal_action action;
	int healed = 0;

	for (int i = 0; i < found->count; i++) {
		if (heal_intent(service, &found->intents[i], &action) != DB_OK)
			return -1;
		healed += action != HEAL_NOTHING;
	}
	return healed;
}

/* Runs the query, then heals what it found. */
static int find_and_heal(struct service *service, struct job *find, const struct found *found)
{
	return job_run(service, find) ? heal_found(service, found) : -1;
}

/* One of the janitors walks on from where the last one left off, and leaves off where it came
 * to. */
static int walk(struct service *service, const char *task, struct db_step step)
{
	struct found *found = calloc(1, sizeof(*found));
	struct uuid from;
	struct job take = { { .sql = SQL_TASK_TAKE, .params = { task, WALK_INTERVAL_S } },
			    keep_position,
			    found };
	struct job find = { step, keep_walk, found };
	struct job move = { { .sql = SQL_TASK_MOVE, .params = { task } }, NULL, NULL };
	int healed = -1;

	if (!found)
		return -1;
	if (job_run(service, &take)) {
		from = found->position;
		find.step.params[0] = from.text;
		healed = from.text[0] == '\0' ? 0 : find_and_heal(service, &find, found);
		move.step.params[1] = found->position.text;
		if (healed >= 0 && from.text[0] != '\0' && !job_run(service, &move))
			healed = -1;
	}
	free(found);
	return healed;
}

int heal_recent(struct service *service, const struct settings *settings)
{
	char seconds[16];

	snprintf(seconds, sizeof(seconds), "%d", settings->heal_s);
	return walk(service, "heal",
		    (struct db_step){ .sql = SQL_HEAL_FIND, .params = { NULL, seconds } });
}

int heal_patrol(struct service *service, const struct settings *settings)
{
	(void)settings;
	return walk(service, "patrol", (struct db_step){ .sql = SQL_PATROL_FIND });
}

int heal_everything(struct service *service)
{
	struct found *found = calloc(1, sizeof(*found));
	struct job find = { { .sql = SQL_HEAL_ALL, .params = { "500" } }, keep_found, found };
	int healed = 0, round = -1;

	/* as long as a round still moves something on: what it cannot mend is left for a person */
	while (found && (round = find_and_heal(service, &find, found)) > 0)
		healed += round;
	free(found);
	return round < 0 ? -1 : healed;
}
