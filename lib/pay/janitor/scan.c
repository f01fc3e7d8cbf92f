/* Finds settled payments that are not as they were settled, and repairs them. */
#include "pay/janitor/repair.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * A second's share of each scan takes the database some 5 ms, so that no payment waits behind it:
 * 2,000 intents of the last hour and heal_s, 1,000 of all there are (a million in 17 minutes). See
 * repair.sql.
 */
#define SCAN_INTERVAL_S "1"
#define FOUND_MAX 500 /* more are found by the next scan */

struct found {
	int count;
	struct uuid position; /* of a scan */
	struct repair_ids items[FOUND_MAX];
};

/* A row for each intent found, and for a scan one more, its new position. */
static void keep_found(const struct db_step *steps, void *context)
{
	const struct db_result *r = steps[0].result;
	struct found *found = context;

	found->count = 0;
	for (int row = 0; row < db_rows(r); row++) {
		if (db_boolean(r, row, 1))
			found->position = db_uuid(r, row, 0);
		else if (found->count < FOUND_MAX)
			found->items[found->count++] =
				(struct repair_ids){ db_uuid(r, row, 0), db_uuid(r, row, 2) };
	}
}

static void keep_position(const struct db_step *steps, void *context)
{
	const struct db_result *r = steps[0].result;
	struct found *found = context;

	found->position.text[0] = '\0';
	if (db_rows(r) == 1)
		found->position = db_uuid(r, 0, 0);
}

static int repair_found(struct service *service, const struct found *found)
{
	enum repair_action action;
	int repaired = 0;

	for (int i = 0; i < found->count; i++) {
		if (repair_intent(service, &found->items[i], &action) != DB_OK)
			return -1;
		repaired += action != REPAIR_NOTHING;
	}
	return repaired;
}

/* Runs the query, then repairs what it found. */
static int find_and_repair(struct service *service, struct db_step *find, struct found *found)
{
	if (!db_run_statement(service->pool, find, keep_found, found))
		return -1;
	return repair_found(service, found);
}

/* One of the janitors scans on from where the last one left off, and leaves off where it came
 * to. */
static int scan_on(struct service *service, const char *task, struct db_step find)
{
	struct found *found = calloc(1, sizeof(*found));
	struct uuid from;
	struct db_step take = { .sql = SQL_TASK_TAKE, .params = { task, SCAN_INTERVAL_S } };
	struct db_step move = { .sql = SQL_TASK_MOVE, .params = { task } };
	int repaired = -1;

	if (!found)
		return -1;
	if (db_run_statement(service->pool, &take, keep_position, found)) {
		from = found->position;
		find.params[0] = from.text;
		repaired = from.text[0] == '\0' ? 0 : find_and_repair(service, &find, found);
		move.params[1] = found->position.text;
		if (repaired >= 0 && from.text[0] != '\0' &&
		    !db_run_statement(service->pool, &move, NULL, NULL))
			repaired = -1;
	}
	free(found);
	return repaired;
}

int repair_recent(struct service *service, const struct settings *settings)
{
	char seconds[16];

	snprintf(seconds, sizeof(seconds), "%d", settings->heal_s);
	return scan_on(service, "heal",
		       (struct db_step){ .sql = SQL_REPAIR_SCAN, .params = { NULL, seconds } });
}

int repair_full(struct service *service, const struct settings *settings)
{
	(void)settings;
	return scan_on(service, "patrol", (struct db_step){ .sql = SQL_REPAIR_FULL_SCAN });
}

int repair_everything(struct service *service)
{
	struct found *found = calloc(1, sizeof(*found));
	struct db_step find = { .sql = SQL_REPAIR_ALL, .params = { "500" } };
	int repaired = 0, round = -1;

	/* as long as a round still moves something on: what it cannot mend is left for a person */
	while (found && (round = find_and_repair(service, &find, found)) > 0)
		repaired += round;
	free(found);
	return round < 0 ? -1 : repaired;
}
