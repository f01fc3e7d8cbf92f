/*
 * One round trip: every command of it is queued, one sync ends it, then the
 * answers are read in the same order. Where a command fails, the server skips
 * what follows it up to the sync: a COMMIT behind a failed step is not carried
 * out.
 */
#include "db/internal.h"

#include "base/clock.h"
#include "base/fault_point.h"
#include "base/log.h"

#include <assert.h>
#include <poll.h>
#include <string.h>

/* A trip under way. */
struct leg {
	struct db_trip *trip;
	PGconn *pg;
	int64_t deadline_ms;
	bool prepares[DB_STEPS_MAX]; /* the step's statement is prepared ahead of it */
	bool frames[FRAME_COUNT];    /* likewise, BEGIN and COMMIT */
	bool in_doubt;	/* COMMIT, or what commits, may have left; its outcome is not known */
	bool committed; /* the server confirmed COMMIT */
};

/* Named in capitals, unlike the service's statements. */
static const struct {
	const char *name, *text;
} frames[FRAME_COUNT] = {
	[FRAME_BEGIN] = { "BEGIN", "BEGIN ISOLATION LEVEL READ COMMITTED" },
	[FRAME_COMMIT] = { "COMMIT", "COMMIT" },
	[FRAME_ROLLBACK] = { "ROLLBACK", "ROLLBACK" },
};

static bool leg_send_frame(struct leg *leg, enum trip_frame frame)
{
	const char *name = frames[frame].name, *text = frames[frame].text;

	if (frame == FRAME_NONE)
		return true;
	/* a ROLLBACK follows an error, is rare, and is not worth a statement of its own */
	if (!leg->trip->prepare || frame == FRAME_ROLLBACK)
		return PQsendQueryParams(leg->pg, text, 0, NULL, NULL, NULL, NULL, 0);
	leg->frames[frame] = !leg->trip->conn->framed[frame];
	if (leg->frames[frame] && !PQsendPrepare(leg->pg, name, text, 0, NULL))
		return false;
	return PQsendQueryPrepared(leg->pg, name, 0, NULL, NULL, NULL, 0);
}

static bool leg_must_prepare(const struct leg *leg, int step)
{
	const struct db_trip *trip = leg->trip;

	if (!trip->prepare || trip->conn->prepared[trip->steps[step].sql])
		return false;
	for (int i = 0; i < step; i++)
		if (trip->steps[i].sql == trip->steps[step].sql)
			return false;
	return true;
}

static bool leg_send_step(struct leg *leg, int i)
{
	const struct db_step *step = &leg->trip->steps[i];
	const struct sql_statement *sql = sql_statement(step->sql);

	assert(sql->params <= DB_PARAMS_MAX);
	leg->prepares[i] = leg_must_prepare(leg, i);
	if (!leg->trip->prepare)
		return PQsendQueryParams(leg->pg, sql->text, sql->params, NULL, step->params, NULL,
					 NULL, step->format);
	if (leg->prepares[i] && !PQsendPrepare(leg->pg, sql->name, sql->text, 0, NULL))
		return false;
	return PQsendQueryPrepared(leg->pg, sql->name, sql->params, step->params, NULL, NULL,
				   step->format);
}

static bool leg_send(struct leg *leg)
{
	struct db_trip *trip = leg->trip;

	if (!leg_send_frame(leg, trip->before))
		return false;
	for (int i = 0; i < trip->count; i++)
		if (!leg_send_step(leg, i))
			return false;
	/* libpq may write whenever its buffer fills: from here on COMMIT may have left. */
	leg->in_doubt = trip->after == FRAME_COMMIT || trip->alone;
	if (!leg_send_frame(leg, trip->after) || !PQpipelineSync(leg->pg))
		return false;
	FAULT_POINT("trip_sent");
	return true;
}

/* The next result libpq has for us (NULL ends a command). False: lost, or out of time. */
static bool leg_receive(struct leg *leg, PGresult **result)
{
	*result = NULL;
	while (PQisBusy(leg->pg)) {
		int unsent = PQflush(leg->pg);

		if (unsent < 0 ||
		    !conn_wait(leg->pg, unsent ? POLLIN | POLLOUT : POLLIN, leg->deadline_ms))
			return false;
		/* A server's last words come before the end of the stream: they are still read. */
		if (!PQconsumeInput(leg->pg) && PQisBusy(leg->pg))
			return false;
	}
	*result = PQgetResult(leg->pg);
	return true;
}

/* The whole answer to one command. */
static bool leg_receive_command(struct leg *leg, PGresult **result)
{
	PGresult *end;

	if (!leg_receive(leg, result) || !*result)
		return false;
	if (!leg_receive(leg, &end) || end) {
		PQclear(end);
		PQclear(*result);
		*result = NULL;
		return false;
	}
	return true;
}

static void leg_note_fault(struct leg *leg, const PGresult *result, const char *name, bool last)
{
	struct db_trip *trip = leg->trip;

	trip->fault = fault_read(result, name);
	if (trip->fault.drop)
		trip->conn->dead = true;
	/* The connection's death in the midst of COMMIT proves nothing; any other error does. */
	if (!(last && trip->fault.fatal))
		leg->in_doubt = false;
}

/*
 * Reads the answer to one command; *kept is the transaction's. True: the reading
 * can go on (the command itself may have failed: trip->fault). False: the
 * connection is gone.
 */
static bool leg_read(struct leg *leg, const char *name, bool last, const PGresult **kept)
{
	PGresult *result;
	ExecStatusType status;
	bool from_server;

	*kept = NULL;
	if (!leg_receive_command(leg, &result))
		return false;
	status = PQresultStatus(result);
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
		if (!results_keep(leg->trip->results, result))
			return false;
		*kept = result;
		return true;
	}
	/* libpq reports a lost connection as an error result of its own, without a SQLSTATE */
	from_server = status == PGRES_PIPELINE_ABORTED || *fault_sqlstate(result);
	if (from_server && status != PGRES_PIPELINE_ABORTED)
		leg_note_fault(leg, result, name, last);
	PQclear(result);
	return from_server && !leg->trip->fault.fatal;
}

static bool leg_read_step(struct leg *leg, int i)
{
	struct db_step *step = &leg->trip->steps[i];
	const char *name = sql_statement(step->sql)->name;
	const PGresult *kept;

	if (leg->prepares[i]) {
		if (!leg_read(leg, name, false, &kept))
			return false;
		/* Statements outlive a ROLLBACK: it is there whatever becomes of this
		 * transaction. */
		leg->trip->conn->prepared[step->sql] = kept;
	}
	if (!leg_read(leg, name, false, &kept))
		return false;
	step->result = (const struct db_result *)kept;
	return true;
}

static bool leg_read_frame(struct leg *leg, enum trip_frame frame, bool last, const PGresult **kept)
{
	if (leg->frames[frame]) {
		if (!leg_read(leg, frames[frame].name, false, kept))
			return false;
		leg->trip->conn->framed[frame] = *kept;
	}
	return leg_read(leg, frames[frame].name, last, kept);
}

/* A COMMIT of a failed transaction is answered with the tag ROLLBACK. */
static void leg_check_commit(struct leg *leg, const PGresult *kept)
{
	if (!leg->in_doubt || !kept)
		return;
	leg->in_doubt = false;
	leg->committed = strcmp(PQcmdStatus((PGresult *)kept), "COMMIT") == 0;
	if (leg->committed)
		return;
	leg->trip->fault.code = DB_BROKEN;
	log_event(LOG_LEVEL_ERROR, "database_refused", "COMMIT was answered with %s",
		  PQcmdStatus((PGresult *)kept));
}

static bool leg_read_sync(struct leg *leg)
{
	PGresult *result;
	bool ok = leg_receive(leg, &result) && PQresultStatus(result) == PGRES_PIPELINE_SYNC;

	PQclear(result);
	/* A step that failed has settled it; a fault of the commit itself comes instead of the
	 * sync. */
	if (ok && leg->trip->alone) {
		leg->committed = leg->in_doubt;
		leg->in_doubt = false;
	}
	return ok;
}

static bool leg_read_all(struct leg *leg)
{
	struct db_trip *trip = leg->trip;
	const PGresult *kept;

	if (trip->before != FRAME_NONE && !leg_read_frame(leg, trip->before, false, &kept))
		return false;
	for (int i = 0; i < trip->count; i++)
		if (!leg_read_step(leg, i))
			return false;
	if (trip->after != FRAME_NONE) {
		if (!leg_read_frame(leg, trip->after, true, &kept))
			return false;
		leg_check_commit(leg, kept);
	}
	return leg_read_sync(leg);
}

/*
 * The connection is gone, or the deadline passed. libpq 15 can only cancel by a
 * second connection that it waits for, so the connection is dropped instead; the
 * statement itself is ended by the server's statement_timeout.
 */
static void leg_lose(struct leg *leg)
{
	struct db_trip *trip = leg->trip;

	trip->conn->dead = true;
	if (trip->fault.code != DB_OK || leg->committed)
		return;
	trip->fault.code = DB_LOST;
	log_event(LOG_LEVEL_WARN, "database_connection_lost", "%s",
		  clock_mono_ms() >= leg->deadline_ms ? "no answer in time" : "the server hung up");
}

enum db_code trip_run(struct db_trip *trip)
{
	struct leg leg = { .trip = trip,
			   .pg = trip->conn->pg,
			   .deadline_ms = clock_mono_ms() + trip->timeout_ms };

	assert(trip->count >= 0 && trip->count <= DB_STEPS_MAX);
	for (int i = 0; i < trip->count; i++)
		trip->steps[i].result = NULL;
	trip->fault = (struct db_fault){ 0 };
	FAULT_POINT("trip_unsent");
	if (!leg_send(&leg) || !leg_read_all(&leg))
		leg_lose(&leg);
	FAULT_POINT("trip_answered");
	if (trip->fault.code != DB_OK)
		for (int i = 0; i < trip->count; i++)
			trip->steps[i].result = NULL;
	return leg.in_doubt && trip->fault.code == DB_LOST ? DB_MAYBE : trip->fault.code;
}
