/* The report of preflight, as text and as JSON. */
#include "db/preflight.h"

#include "base/buf.h"
#include "base/json_out.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const verdict_names[] = { "ok", "warn", "fail" };

void preflight_add(struct preflight *report, enum preflight_verdict verdict, const char *name,
		   const char *remedy, const char *format, ...)
{
	struct preflight_line *line = &report->lines[report->count];
	va_list args;

	if (report->count == PREFLIGHT_LINES_MAX) {
		report->verdict = PREFLIGHT_FAIL;
		return;
	}
	if (verdict > report->verdict)
		report->verdict = verdict;
	line->verdict = verdict;
	line->name = name;
	snprintf(line->remedy, sizeof(line->remedy), "%s", remedy ? remedy : "");
	va_start(args, format);
	vsnprintf(line->text, sizeof(line->text), format, args);
	va_end(args);
	report->count++;
}

void preflight_print(const struct preflight *report, FILE *out)
{
	for (int i = 0; i < report->count; i++) {
		const struct preflight_line *line = &report->lines[i];

		fprintf(out, "%-5s %-14s %s\n", verdict_names[line->verdict], line->name,
			line->text);
		if (line->remedy[0])
			fprintf(out, "%20s -> %s\n", "", line->remedy);
	}
}

static void report_line_json(struct json_out *json, const struct preflight_line *line)
{
	json_object_begin(json, NULL);
	json_string(json, "verdict", verdict_names[line->verdict]);
	json_string(json, "name", line->name);
	json_string(json, "text", line->text);
	json_string(json, "remedy", line->remedy[0] ? line->remedy : NULL);
	json_object_end(json);
}

void preflight_print_json(const struct preflight *report, FILE *out)
{
	struct buf buf = { 0 };
	struct json_out json = { .buf = &buf };

	json_object_begin(&json, NULL);
	json_string(&json, "verdict", verdict_names[report->verdict]);
	json_array_begin(&json, "checks");
	for (int i = 0; i < report->count; i++)
		report_line_json(&json, &report->lines[i]);
	json_array_end(&json);
	json_object_end(&json);
	fprintf(out, "%s\n", buf_text(&buf));
	buf_free(&buf);
}
