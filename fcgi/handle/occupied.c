/* GET occupiedSeats/{id}: the seats of a performance that are taken. */
#include "fcgi/handle/handle.h"

#include "fcgi/http/http_text.h"
#include "pay/booking/booking.h"

#include <stdlib.h>
#include <string.h>

struct labels {
	char *text; /* the parameter, split at its commas */
	const char *list[OCCUPIED_SEATS_MAX];
	int count;
};

static enum status cut_labels(struct labels *labels)
{
	char *rest = labels->text, *label;

	while ((label = strsep(&rest, ","))) {
		if (*label == '\0')
			continue;
		if (labels->count == OCCUPIED_SEATS_MAX)
			return STATUS_INVALID_SEATS;
		labels->list[labels->count++] = label;
	}
	return STATUS_OK;
}

/* ?seatIds=A1,B3. Absent or empty: all seats. */
static enum status read_labels(const struct request *request, struct labels *labels)
{
	size_t size = strlen(request->query) + 1;

	labels->text = malloc(size);
	if (!labels->text)
		return STATUS_INTERNAL_ERROR;
	if (!request_query(request, "seatIds", labels->text, size))
		return http_query_has(request->query, "seatIds") ? STATUS_INVALID_SEATS : STATUS_OK;
	return cut_labels(labels);
}

void handle_occupied(struct exchange *exchange)
{
	const struct principal *principal = &exchange->call.principal;
	const struct uuid *asker = principal->user_id.text[0] ? &principal->user_id : NULL;
	struct outcome outcome = { .status = STATUS_OK };
	struct labels labels = { .count = 0 };
	struct uuid performance;
	enum status status;

	status = uuid_parse(exchange->segment, &performance)
			 ? read_labels(&exchange->request, &labels)
			 : STATUS_INVALID_ID;
	if (status == STATUS_OK) {
		booking_occupied(&exchange->call, &performance, asker, labels.list, labels.count,
				 &outcome);
		handle_answer(exchange, &outcome);
	} else {
		response_error(&exchange->response, status, exchange->request.language,
			       exchange->request.id);
	}
	free(labels.text);
}
