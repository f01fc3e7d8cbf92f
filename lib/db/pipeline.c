/*
 * One round trip: all commands are sent with one sync at the end, then the results are read in the
 * same order. When a command fails, the server skips the rest up to the sync, a COMMIT too.
 */
#include "db/internal.h"

#include "base/clock.h"
#include "base/fault_point.h"
#include "base/log.h"

#include <assert.h>
#include <poll.h>
#include <string.h>

struct pipeline {
	struct db_trip *trip;
	PGconn *pg;
	int64_t deadline_ms;
	bool prepares[DB_STEPS_MAX]; /* this trip prepares the statement of the step */
	bool prepares_frame[FRAME_COUNT];
	bool in_doubt;	/* COMMIT may have been sent; its outcome is not known */
	bool committed; /* the server confirmed COMMIT */
};

/* Capitals: the names of the service's statements are in lower case. */
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
	/* ROLLBACK is too rare to be prepared */
	if (!pipeline->trip->prepare || frame == FRAME_ROLLBACK)
		return PQsendQueryParams(pipeline->pg, text, 0, NULL, NULL, NULL, NULL, 0);
	pipeline->prepares_frame[frame] = !pipeline->trip->conn->prepared_frames[frame];
	if (pipeline->prepares_frame[frame] && !PQsendPrepare(pipeline->pg, name, text, 0, NULL))
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
	/* libpq writes whenever its buffer is full: from here on COMMIT may have been sent. */
	pipeline->in_doubt = trip->after == FRAME_COMMIT || trip->alone;
	if (!pipeline_send_frame(pipeline, trip->after) || !PQpipelineSync(pipeline->pg))
		return false;
	FAULT_POINT("trip_sent");
	return true;
}

/* The next result; NULL ends a command. False: connection lost or deadline passed. */
static bool pipeline_receive(struct pipeline *pipeline, PGresult **result)
{
	*result = NULL;
	while (PQisBusy(pipeline->pg)) {
		int unsent = PQflush(pipeline->pg);

		if (unsent < 0 || !conn_wait(pipeline->pg, unsent ? POLLIN | POLLOUT : POLLIN,
					     pipeline->deadline_ms))
			return false;
		/* The last error message of the server may arrive before the end of the stream. */
		if (!PQconsumeInput(pipeline->pg) && PQisBusy(pipeline->pg))
			return false;
	}
	*result = PQgetResult(pipeline->pg);
	return true;
}

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
	/* Only a connection that ends during COMMIT leaves the outcome open. */
	if (!(last && trip->error.fatal))
		pipeline->in_doubt = false;
}

/* Reads the result of one command; *kept is NULL if it failed (trip->error). False: the connection
 * is gone. */
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
	/* libpq reports a lost connection as an error without a SQLSTATE */
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
		/* a prepared statement survives ROLLBACK */
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
	if (pipeline->prepares_frame[frame]) {
		if (!pipeline_read(pipeline, frames[frame].name, false, kept))
			return false;
		pipeline->trip->conn->prepared_frames[frame] = *kept;
	}
	return pipeline_read(pipeline, frames[frame].name, last, kept);
}

/* The server answers COMMIT of a failed transaction with the tag ROLLBACK. */
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
	/* a failed step has cleared in_doubt; an error of the commit comes instead of the sync */
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
 * The connection is gone, or the deadline passed. To cancel, libpq 15 would open a second
 * connection and wait for it. We drop the connection instead; statement_timeout ends the statement.
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

enum db_code pipeline_run(struct db_trip *trip)
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
