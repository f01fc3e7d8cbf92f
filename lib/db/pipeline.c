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
struct pipeline {
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

static bool pipeline_send_frame(struct pipeline *pipeline, enum trip_frame frame)
{
	const char *name = frames[frame].name, *text = frames[frame].text;

	if (frame == FRAME_NONE)
		return true;
	/* a ROLLBACK follows an error, is rare, and is not worth a statement of its own */
	if (!pipeline->trip->prepare || frame == FRAME_ROLLBACK)
		return PQsendQueryParams(pipeline->pg, text, 0, NULL, NULL, NULL, NULL, 0);
	pipeline->frames[frame] = !pipeline->trip->conn->framed[frame];
	if (pipeline->frames[frame] && !PQsendPrepare(pipeline->pg, name, text, 0, NULL))
		return false;
	return PQsendQueryPrepared(pipeline->pg, name, 0, NULL, NULL, NULL, 0);
}

static bool pipeline_must_prepare(const struct pipeline *pipeline, int step)
{
	const struct db_trip *trip = pipeline->trip;

	if (!trip->prepare || trip->conn->prepared[trip->steps[step].sql])
		return false;
	for (int i = 0; i < step; i++)
		if (trip->steps[i].sql == trip->steps[step].sql)
			return false;
	return true;
}

static bool pipeline_send_step(struct pipeline *pipeline, int i)
{
	const struct db_step *step = &pipeline->trip->steps[i];
	const struct sql_statement *sql = sql_statement(step->sql);

	assert(sql->params <= DB_PARAMS_MAX);
	pipeline->prepares[i] = pipeline_must_prepare(pipeline, i);
	if (!pipeline->trip->prepare)
		return PQsendQueryParams(pipeline->pg, sql->text, sql->params, NULL, step->params,
					 NULL, NULL, step->format);
	if (pipeline->prepares[i] && !PQsendPrepare(pipeline->pg, sql->name, sql->text, 0, NULL))
		return false;
	return PQsendQueryPrepared(pipeline->pg, sql->name, sql->params, step->params, NULL, NULL,
				   step->format);
}

static bool pipeline_send(struct pipeline *pipeline)
{
	struct db_trip *trip = pipeline->trip;

	if (!pipeline_send_frame(pipeline, trip->before))
		return false;
	for (int i = 0; i < trip->count; i++)
		if (!pipeline_send_step(pipeline, i))
			return false;
	/* libpq may write whenever its buffer fills: from here on COMMIT may have left. */
	pipeline->in_doubt = trip->after == FRAME_COMMIT || trip->alone;
	if (!pipeline_send_frame(pipeline, trip->after) || !PQpipelineSync(pipeline->pg))
		return false;
	FAULT_POINT("trip_sent");
	return true;
}

/* The next result libpq has for us (NULL ends a command). False: lost, or out of time. */
static bool pipeline_receive(struct pipeline *pipeline, PGresult **result)
{
	*result = NULL;
	while (PQisBusy(pipeline->pg)) {
		int unsent = PQflush(pipeline->pg);

		if (unsent < 0 || !conn_wait(pipeline->pg, unsent ? POLLIN | POLLOUT : POLLIN,
					     pipeline->deadline_ms))
			return false;
		/* A server's last words come before the end of the stream: they are still read. */
		if (!PQconsumeInput(pipeline->pg) && PQisBusy(pipeline->pg))
			return false;
	}
	*result = PQgetResult(pipeline->pg);
	return true;
}

/* The whole answer to one command. */
static bool pipeline_receive_command(struct pipeline *pipeline, PGresult **result)
{
	PGresult *end;

	if (!pipeline_receive(pipeline, result) || !*result)
		return false;
	if (!pipeline_receive(pipeline, &end) || end) {
		PQclear(end);
		PQclear(*result);
		*result = NULL;
		return false;
	}
	return true;
}

static void pipeline_note_error(struct pipeline *pipeline, const PGresult *result, const char *name,
				bool last)
{
	struct db_trip *trip = pipeline->trip;

	trip->error = error_read(result, name);
	if (trip->error.drop)
		trip->conn->dead = true;
	/* The connection's death in the midst of COMMIT proves nothing; any other error does. */
	if (!(last && trip->error.fatal))
		pipeline->in_doubt = false;
}

/*
 * Reads the answer to one command; *kept is the transaction's. True: the reading
 * can go on (the command itself may have failed: trip->error). False: the
 * connection is gone.
 */
static bool pipeline_read(struct pipeline *pipeline, const char *name, bool last,
			  const PGresult **kept)
{
	PGresult *result;
	ExecStatusType status;
	bool from_server;

	*kept = NULL;
	if (!pipeline_receive_command(pipeline, &result))
		return false;
	status = PQresultStatus(result);
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
		if (!results_keep(pipeline->trip->results, result))
			return false;
		*kept = result;
		return true;
	}
	/* libpq reports a lost connection as an error result of its own, without a SQLSTATE */
	from_server = status == PGRES_PIPELINE_ABORTED || *error_sqlstate(result);
	if (from_server && status != PGRES_PIPELINE_ABORTED)
		pipeline_note_error(pipeline, result, name, last);
	PQclear(result);
	return from_server && !pipeline->trip->error.fatal;
}

static bool pipeline_read_step(struct pipeline *pipeline, int i)
{
	struct db_step *step = &pipeline->trip->steps[i];
	const char *name = sql_statement(step->sql)->name;
	const PGresult *kept;

	if (pipeline->prepares[i]) {
		if (!pipeline_read(pipeline, name, false, &kept))
			return false;
		/* Statements outlive a ROLLBACK: it is there whatever becomes of this
		 * transaction. */
		pipeline->trip->conn->prepared[step->sql] = kept;
	}
	if (!pipeline_read(pipeline, name, false, &kept))
		return false;
	step->result = (const struct db_result *)kept;
	return true;
}

static bool pipeline_read_frame(struct pipeline *pipeline, enum trip_frame frame, bool last,
				const PGresult **kept)
{
	if (pipeline->frames[frame]) {
		if (!pipeline_read(pipeline, frames[frame].name, false, kept))
			return false;
		pipeline->trip->conn->framed[frame] = *kept;
	}
	return pipeline_read(pipeline, frames[frame].name, last, kept);
}

/* A COMMIT of a failed transaction is answered with the tag ROLLBACK. */
static void pipeline_check_commit(struct pipeline *pipeline, const PGresult *kept)
{
	if (!pipeline->in_doubt || !kept)
		return;
	pipeline->in_doubt = false;
	pipeline->committed = strcmp(PQcmdStatus((PGresult *)kept), "COMMIT") == 0;
	if (pipeline->committed)
		return;
	pipeline->trip->error.code = DB_BROKEN;
	log_event(LOG_LEVEL_ERROR, "database_refused", "COMMIT was answered with %s",
		  PQcmdStatus((PGresult *)kept));
}

static bool pipeline_read_sync(struct pipeline *pipeline)
{
	PGresult *result;
	bool ok = pipeline_receive(pipeline, &result) &&
		  PQresultStatus(result) == PGRES_PIPELINE_SYNC;

	PQclear(result);
	/* A step that failed has settled it; a error of the commit itself comes instead of the
	 * sync. */
	if (ok && pipeline->trip->alone) {
		pipeline->committed = pipeline->in_doubt;
		pipeline->in_doubt = false;
	}
	return ok;
}

static bool pipeline_read_all(struct pipeline *pipeline)
{
	struct db_trip *trip = pipeline->trip;
	const PGresult *kept;

	if (trip->before != FRAME_NONE &&
	    !pipeline_read_frame(pipeline, trip->before, false, &kept))
		return false;
	for (int i = 0; i < trip->count; i++)
		if (!pipeline_read_step(pipeline, i))
			return false;
	if (trip->after != FRAME_NONE) {
		if (!pipeline_read_frame(pipeline, trip->after, true, &kept))
			return false;
		pipeline_check_commit(pipeline, kept);
	}
	return pipeline_read_sync(pipeline);
}

/*
 * The connection is gone, or the deadline passed. libpq 15 can only cancel by a
 * second connection that it waits for, so the connection is dropped instead; the
 * statement itself is ended by the server's statement_timeout.
 */
static void pipeline_lose(struct pipeline *pipeline)
{
	struct db_trip *trip = pipeline->trip;

	trip->conn->dead = true;
	if (trip->error.code != DB_OK || pipeline->committed)
		return;
	trip->error.code = DB_LOST;
	log_event(LOG_LEVEL_WARN, "database_connection_lost", "%s",
		  clock_mono_ms() >= pipeline->deadline_ms ? "no answer in time"
							   : "the server hung up");
}

enum db_code trip_run(struct db_trip *trip)
{
	struct pipeline pipeline = { .trip = trip,
				     .pg = trip->conn->pg,
				     .deadline_ms = clock_mono_ms() + trip->timeout_ms };

	assert(trip->count >= 0 && trip->count <= DB_STEPS_MAX);
	for (int i = 0; i < trip->count; i++)
		trip->steps[i].result = NULL;
	trip->error = (struct server_error){ 0 };
	FAULT_POINT("trip_unsent");
	if (!pipeline_send(&pipeline) || !pipeline_read_all(&pipeline))
		pipeline_lose(&pipeline);
	FAULT_POINT("trip_answered");
	if (trip->error.code != DB_OK)
		for (int i = 0; i < trip->count; i++)
			trip->steps[i].result = NULL;
	return pipeline.in_doubt && trip->error.code == DB_LOST ? DB_MAYBE : trip->error.code;
}
