#include "pay/audit/gateway_audit.h"

#include "base/json_out.h"
#include "pay/gateway/gateway.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 200
#define PAGE_TEXT "200"
#define ON_ITS_WAY_S "60" /* an open attempt of this age is normal */
#define GATEWAY_NAME_MAX 32
#define TIMESTAMP_MAX 64

/* Columns of audit_gateway_page. */
/* clang-format off */
enum page_column {
	A_ID, A_GATEWAY, A_STATUS, A_AMOUNT, A_REFUNDED, A_REFUNDS_DUE, A_ON_ITS_WAY, A_STARTED
};
/* clang-format on */

enum finding {
	FINDING_NONE,
	FINDING_NOT_COMPARED,
	FINDING_CHARGED_HERE_ONLY,
	FINDING_CHARGED_THERE_ONLY,
	FINDING_OPEN_BUT_CHARGED,
	FINDING_AMOUNT,
	FINDING_REFUNDED_LESS,
	FINDING_REFUNDED_MORE,
};

/* clang-format off */
static const struct {
	const char *id, *title, *advice;
} kinds[] = {
	[FINDING_NOT_COMPARED] = { "G0", "the gateway's books could not be read",
		"run the audit again once the gateway answers; see payctl check and the workers' log" },
	[FINDING_CHARGED_HERE_ONLY] = { "G1", "approved here, not charged there",
		"find the order in the merchant's console; if it is not there, cancel the reservation by hand" },
	[FINDING_CHARGED_THERE_ONLY] = { "G2", "declined here, charged there",
		"refund it in the merchant's console: it has no reservation" },
	[FINDING_OPEN_BUT_CHARGED] = { "G3", "charged there, still open here",
		"check that a janitor runs, which settles this; if it stays, read the attempt's failure_code" },
	[FINDING_AMOUNT] = { "G4", "another amount was charged there",
		"correct the difference in the merchant's console and find its cause" },
	[FINDING_REFUNDED_LESS] = { "G5", "refunded here, not there",
		"refund the difference in the merchant's console" },
	[FINDING_REFUNDED_MORE] = { "G6", "more was refunded there than here",
		"it was cancelled in the merchant's console: find out why, and book it with payctl refund" },
};
/* clang-format on */

struct item {
	struct uuid attempt;
	char gateway[GATEWAY_NAME_MAX];
	bool is_approved, is_declined, is_on_its_way;
	int64_t amount_krw, refunded_krw, refunds_due_krw;
};

struct page {
	int count;
	struct item items[PAGE];
	char started[TIMESTAMP_MAX]; /* of the last row: the next page begins there */
};

struct report {
	bool json;
	struct buf body;
	struct json_out writer;
	int64_t compared, without_books, findings;
};

static void item_keep(const struct db_result *r, int row, struct item *item)
{
	const char *status = db_text(r, row, A_STATUS);

	memset(item, 0, sizeof(*item));
	uuid_parse(db_text(r, row, A_ID), &item->attempt);
	snprintf(item->gateway, sizeof(item->gateway), "%s", db_text(r, row, A_GATEWAY));
	item->is_approved = strcmp(status, "approved") == 0;
	item->is_declined = strcmp(status, "declined") == 0;
	item->is_on_its_way = db_boolean(r, row, A_ON_ITS_WAY);
	item->amount_krw = db_integer(r, row, A_AMOUNT);
	item->refunded_krw = db_integer(r, row, A_REFUNDED);
	item->refunds_due_krw = db_integer(r, row, A_REFUNDS_DUE);
}

static void page_keep(const struct db_step *steps, void *context)
{
	const struct db_result *r = steps[0].result;
	struct page *page = context;
	int rows = db_rows(r);

	page->count = rows < PAGE ? rows : PAGE;
	for (int row = 0; row < page->count; row++)
		item_keep(r, row, &page->items[row]);
	if (page->count > 0)
		snprintf(page->started, sizeof(page->started), "%s",
			 db_text(r, page->count - 1, A_STARTED));
}

static enum db_code page_read(struct service *service, const struct settings *settings,
			      struct page *page)
{
	struct uuid last = page->count > 0
				   ? page->items[page->count - 1].attempt
				   : (struct uuid){ "00000000-0000-0000-0000-000000000000" };
	char started[TIMESTAMP_MAX], days[16];
	struct db_step step = { .sql = SQL_AUDIT_GATEWAY_PAGE,
				.params = { days, ON_ITS_WAY_S, started, last.text, PAGE_TEXT } };

	snprintf(started, sizeof(started), "%s", page->started);
	snprintf(days, sizeof(days), "%d", settings->audit_days);
	return db_read(service->pool, &step, 1, page_keep, page, NULL);
}

static enum finding compare_refunds(const struct item *item, const struct gateway_books *books)
{
	if (books->refunded_krw < item->refunded_krw)
		return FINDING_REFUNDED_LESS;
	/* an open refund may be done at the gateway already */
	if (books->refunded_krw > item->refunded_krw + item->refunds_due_krw)
		return FINDING_REFUNDED_MORE;
	return FINDING_NONE;
}

static enum finding compare_charge(const struct item *item, const struct gateway_books *books)
{
	int64_t kept_krw = books->charged_krw - books->refunded_krw;

	if (books->state == BOOKS_UNREADABLE)
		return FINDING_NOT_COMPARED;
	if (item->is_approved && (books->state == BOOKS_NOT_FOUND || books->charged_krw == 0))
		return FINDING_CHARGED_HERE_ONLY;
	if (books->charged_krw != 0 && books->charged_krw != item->amount_krw)
		return FINDING_AMOUNT;
	if (item->is_approved)
		return compare_refunds(item, books);
	if (kept_krw == 0 || item->is_on_its_way)
		return FINDING_NONE;
	return item->is_declined ? FINDING_CHARGED_THERE_ONLY : FINDING_OPEN_BUT_CHARGED;
}

static void finding_report_text(struct report *report, enum finding finding,
				const struct item *item, const struct gateway_books *books)
{
	buf_printf(&report->body,
		   "%-4s FAIL %s\n       attempt %s at %s: %lld won asked for, %lld refunded "
		   "here; there %lld and %lld%s%s\n"
		   "       what to do: %s\n",
		   kinds[finding].id, kinds[finding].title, item->attempt.text, item->gateway,
		   (long long)item->amount_krw, (long long)item->refunded_krw,
		   (long long)books->charged_krw, (long long)books->refunded_krw,
		   books->code[0] != '\0' ? ", " : "", books->code, kinds[finding].advice);
}

static void finding_report_json(struct report *report, enum finding finding,
				const struct item *item, const struct gateway_books *books)
{
	struct json_out *w = &report->writer;

	json_object_begin(w, NULL);
	json_string(w, "id", kinds[finding].id);
	json_string(w, "title", kinds[finding].title);
	json_string(w, "attempt", item->attempt.text);
	json_string(w, "gateway", item->gateway);
	json_integer(w, "amount", item->amount_krw);
	json_integer(w, "refunded", item->refunded_krw);
	json_integer(w, "chargedThere", books->charged_krw);
	json_integer(w, "refundedThere", books->refunded_krw);
	json_string(w, "code", books->code);
	json_string(w, "advice", kinds[finding].advice);
	json_object_end(w);
}

static void item_audit(struct report *report, const struct settings *settings,
		       const struct item *item)
{
	const struct gateway *gateway = gateway_by_name(item->gateway);
	struct gateway_books books = { .state = BOOKS_UNREADABLE, .code = "GATEWAY_MISSING" };
	enum finding finding;

	if (gateway && !gateway->read_books) {
		report->without_books++;
		return;
	}
	if (gateway)
		gateway->read_books(settings, &item->attempt, &books);
	report->compared++;
	finding = compare_charge(item, &books);
	if (finding == FINDING_NONE)
		return;
	report->findings++;
	if (report->json)
		finding_report_json(report, finding, item, &books);
	else
		finding_report_text(report, finding, item, &books);
}

static void report_print(const struct report *report, FILE *out)
{
	const char *agree = report->findings == 0 ? "the books agree" : "THE BOOKS DIFFER";

	if (report->json)
		fprintf(out,
			"{\"clean\": %s, \"compared\": %lld, \"withoutBooks\": %lld, \"findings\": "
			"%s}\n",
			report->findings == 0 ? "true" : "false", (long long)report->compared,
			(long long)report->without_books, buf_text(&report->body));
	else
		fprintf(out,
			"%s%s: %lld charges compared, %lld at gateways without books, %lld "
			"findings\n",
			buf_text(&report->body), agree, (long long)report->compared,
			(long long)report->without_books, (long long)report->findings);
}

int audit_gateway_run(struct service *service, const struct settings *settings, FILE *out,
		      bool json)
{
	struct report report = { .json = json };
	struct page *page = calloc(1, sizeof(*page));
	enum db_code code = DB_BROKEN;

	if (!page)
		return 2;
	snprintf(page->started, sizeof(page->started), "-infinity");
	report.writer = (struct json_out){ .buf = &report.body };
	if (json)
		json_array_begin(&report.writer, NULL);
	do {
		code = page_read(service, settings, page);
		for (int i = 0; code == DB_OK && i < page->count; i++)
			item_audit(&report, settings, &page->items[i]);
	} while (code == DB_OK && page->count == PAGE);
	if (json)
		json_array_end(&report.writer);
	if (code == DB_OK && !report.body.failed)
		report_print(&report, out);
	else
		report.findings = -1;
	free(page);
	buf_free(&report.body);
	return report.findings < 0 ? 2 : report.findings > 0;
}
