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
static enum status read_labels(const char *query, struct labels *labels)
{
	size_t size = strlen(query) + 1;

	labels->text = malloc(size);
	if (!labels->text)
		return STATUS_INTERNAL_ERROR;
	if (http_query(query, "seatIds", labels->text, size) == QUERY_INVALID)
		return STATUS_INVALID_SEATS;
	return cut_labels(labels);
}

enum status handle_occupied(struct exchange *exchange, struct outcome *outcome)
{
	const struct uuid *user = &exchange->call.principal.user_id;
	struct labels labels = { .count = 0 };
	struct uuid performance;
	enum status status;

	if (!uuid_parse(exchange->segment, &performance))
		return STATUS_INVALID_ID;
	status = read_labels(exchange->request.query, &labels);
	if (status == STATUS_OK)
		booking_occupied(&exchange->call, &performance, user->text[0] ? user : NULL,
				 labels.list, labels.count, outcome);
	free(labels.text);
	return status;
}
