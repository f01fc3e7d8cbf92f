#include "pay/audit/audit.h"

#include "base/json_out.h"
#include "pay/janitor/repair.h"

struct audit_check {
	const char *id; /* of the invariant */
	const char *title;
	enum sql_id sql;
	bool is_warning;
	const char *advice;
};

/* clang-format off */
static const struct audit_check checks[] = {
	{ "I1", "one unrefunded charge a reservation at the most", SQL_AUDIT_DOUBLE_CHARGE, false,
	  "refund all but one of the attempts named" },
	{ "I2", "a charge has its reservation and seats, or a refund", SQL_AUDIT_CHARGED_AND_LOST, false,
	  "restore the reservation if its seats are free, else refund the attempt" },
	{ "I3", "a settled payment is exactly one charge of its amount", SQL_AUDIT_SETTLED_WITHOUT_CHARGE, false,
	  "compare with the gateway's books and correct the intent by hand" },
	{ "I4", "a seat is in one live reservation at the most", SQL_AUDIT_SEAT_TWICE, false,
	  "keep the reservation that was paid first, cancel and refund the other" },
	{ "I5", "refunds never exceed the charge", SQL_AUDIT_OVER_REFUNDED, false,
	  "compare with the gateway's books" },
	{ "I6", "nothing is unresolved past its horizon", SQL_AUDIT_UNRESOLVED, false,
	  "check that a janitor runs and the gateway answers; find the id at the gateway" },
	{ "I7", "no seat stays locked after its hold", SQL_AUDIT_SEAT_STUCK, false,
	  "check that a janitor runs" },
	{ "I7w", "no seat stays locked after a hold of the monolith", SQL_AUDIT_SEAT_STUCK_FOREIGN, true,
	  "check that the monolith's cleaner runs, or set PAYMENTS_EXPIRE_FOREIGN=on" },
	{ "I8", "an Idempotency-Key charges once", SQL_AUDIT_KEY_TWICE, false, "refund all but one of the charges" },
	{ "I9", "the ledger balances and matches the attempts and refunds", SQL_AUDIT_LEDGER, false,
	  "compare with the gateway's books and enter a correction" },
	{ "J1", "every state change left an event", SQL_AUDIT_JOURNAL, false,
	  "find what changed the intent outside the service" },
};
/* clang-format on */
#define CHECKS ((int)(sizeof(checks) / sizeof(checks[0])))

struct audit {
	bool json;
	struct buf report; /* printed only when all checks have run */
	struct json_out writer;
	int findings, warnings;
};

static void check_report_text(struct audit *audit, const struct audit_check *check,
			      const struct db_result *r)
{
	int rows = db_rows(r);

	buf_printf(&audit->report, "%-4s %-4s %s\n", check->id,
		   rows == 0	       ? "ok"
		   : check->is_warning ? "WARN"
				       : "FAIL",
		   check->title);
	for (int row = 0; row < rows; row++)
		buf_printf(&audit->report, "       %s: %s\n", db_text(r, row, 0),
			   db_text(r, row, 1));
	if (rows > 0)
		buf_printf(&audit->report, "       what to do: %s\n", check->advice);
}

static void check_report_json(struct audit *audit, const struct audit_check *check,
			      const struct db_result *r)
{
	struct json_out *w = &audit->writer;
	int rows = db_rows(r);

	json_object_begin(w, NULL);
	json_string(w, "id", check->id);
	json_string(w, "title", check->title);
	json_string(w, "result", rows == 0 ? "ok" : check->is_warning ? "warn" : "fail");
	json_array_begin(w, "findings");
	for (int row = 0; row < rows; row++) {
		json_object_begin(w, NULL);
		json_string(w, "subject", db_text(r, row, 0));
		json_string(w, "detail", db_text(r, row, 1));
		json_object_end(w);
	}
	json_array_end(w);
	if (rows > 0)
		json_string(w, "advice", check->advice);
	json_object_end(w);
}

static enum db_code run_check(struct db_tx *tx, struct audit *audit,
			      const struct audit_check *check)
{
	struct db_step step = { .sql = check->sql };
	enum db_code code = db_tx_trip(tx, &step, 1);

	if (code != DB_OK)
		return code;
	if (check->is_warning)
		audit->warnings += db_rows(step.result);
	else
		audit->findings += db_rows(step.result);
	if (audit->json)
		check_report_json(audit, check, step.result);
	else
		check_report_text(audit, check, step.result);
	return DB_OK;
}

static enum db_code audit_body(struct db_tx *tx, void *context)
{
	struct audit *audit = context;
	struct db_step begin[] = { { .sql = SQL_AUDIT_BEGIN }, { .sql = SQL_AUDIT_PATIENCE } };
	enum db_code code;

	buf_reset(&audit->report);
	audit->writer = (struct json_out){ .buf = &audit->report };
	audit->findings = audit->warnings = 0;
	code = db_tx_trip(tx, begin, 2);
	if (audit->json)
		json_array_begin(&audit->writer, NULL);
	for (int i = 0; i < CHECKS && code == DB_OK; i++)
		code = run_check(tx, audit, &checks[i]);
	if (audit->json)
		json_array_end(&audit->writer);
	return code;
}

int audit_run(struct service *service, FILE *out, bool json)
{
	struct audit audit = { .json = json };
	enum db_code code = db_tx_run(service->pool, &DB_POLICY_REQUEST, audit_body, &audit, NULL);
	int result;

	if (code != DB_OK || audit.report.failed) {
		buf_free(&audit.report);
		return 2;
	}
	result = audit.findings > 0 ? 1 : 0;
	if (json)
		fprintf(out,
			"{\"clean\": %s, \"findings\": %d, \"warnings\": %d, \"checks\": %s}\n",
			result == 0 ? "true" : "false", audit.findings, audit.warnings,
			buf_text(&audit.report));
	else
		fprintf(out, "%s%s: %d findings, %d warnings\n", buf_text(&audit.report),
			result == 0 ? "clean" : "NOT CLEAN", audit.findings, audit.warnings);
	buf_free(&audit.report);
	return result;
}

bool audit_repair(struct service *service, FILE *out)
{
	int repaired = repair_everything(service);

	if (repaired < 0)
		return false;
	fprintf(out, "repaired: %d payments\n", repaired);
	return true;
}
