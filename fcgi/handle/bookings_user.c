/* GET and DELETE bookings/user/{id} and bookings/my: the bookings of one user. */
#include "fcgi/handle/handle.h"

#include "fcgi/http/http_text.h"
#include "pay/booking/booking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR_MAX 96

/* The user of the path's {id}, or of the token when the path has none ("my"). */
static enum status read_user(const struct exchange *exchange, struct uuid *out)
{
	const struct principal *principal = &exchange->call.principal;

	*out = principal->user_id;
	if (exchange->segment[0] == '\0')
		return STATUS_OK;
	if (!uuid_parse(exchange->segment, out))
		return STATUS_INVALID_ID;
	if (strcmp(out->text, principal->user_id.text) != 0 && !principal->is_admin)
		return STATUS_FORBIDDEN;
	return STATUS_OK;
}

/* ?limit: a number above the maximum becomes the maximum; a text that is no positive number is an
 * error. */
static bool read_limit(const struct request *request, int *out)
{
	char text[12], *end;
	enum query given = http_query(request->query, "limit", text, sizeof(text));
	long value;

	*out = BOOKINGS_PAGE_DEFAULT;
	if (given != QUERY_VALUE)
		return given == QUERY_ABSENT;
	value = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || value < 1)
		return false;
	*out = value > BOOKINGS_PAGE_MAX ? BOOKINGS_PAGE_MAX : (int)value;
	return true;
}

/* ?before: the cursor that the previous page contained. */
static bool read_cursor(const struct request *request, char cursor[CURSOR_MAX],
			struct bookings_page *page)
{
	enum query given = http_query(request->query, "before", cursor, CURSOR_MAX);

	page->cursor = given == QUERY_VALUE ? cursor : NULL;
	return given != QUERY_INVALID;
}

static void link_next(struct exchange *exchange, const struct bookings_page *page,
		      const char *cursor)
{
	char link[PATH_MAX_BYTES + 256];

	if (cursor[0] == '\0')
		return;
	snprintf(link, sizeof(link), "<%s%s?limit=%d&before=%s>; rel=\"next\"",
		 exchange->request.mount, exchange->request.path, page->limit, cursor);
	response_header(&exchange->response, "Link", link);
}

enum status handle_bookings_list(struct exchange *exchange, struct outcome *outcome)
{
	struct bookings_page page = { .cursor = NULL };
	char cursor[CURSOR_MAX];
	enum status status = read_user(exchange, &page.user_id);

	if (status != STATUS_OK)
		return status;
	if (!read_limit(&exchange->request, &page.limit) ||
	    !read_cursor(&exchange->request, cursor, &page))
		return STATUS_INVALID_PARAMETER;
	booking_list(&exchange->call, &page, outcome);
	link_next(exchange, &page, outcome->next_cursor);
	return STATUS_OK;
}

enum status handle_bookings_cancel(struct exchange *exchange, struct outcome *outcome)
{
	struct uuid user, booking;
	enum status status;

	if (handle_is_missing(exchange->json, "bookingId"))
		return STATUS_MISSING_FIELDS;
	if (!handle_read_uuid(exchange->json, "bookingId", &booking))
		return STATUS_INVALID_ID;
	status = read_user(exchange, &user);
	if (status == STATUS_OK)
		booking_cancel(&exchange->call, &user, &booking, outcome);
	return status;
}
