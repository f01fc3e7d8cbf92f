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
	long value;

	*out = BOOKINGS_PAGE_DEFAULT;
	if (!request_query(request, "limit", text, sizeof(text)))
		return !http_query_has(request->query, "limit");
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
	page->cursor = NULL;
	if (request_query(request, "before", cursor, CURSOR_MAX))
		page->cursor = cursor;
	return page->cursor || !http_query_has(request->query, "before");
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

void handle_bookings_list(struct exchange *exchange)
{
	struct bookings_page page = { .cursor = NULL };
	struct outcome outcome = { .status = STATUS_OK };
	char cursor[CURSOR_MAX];
	enum status status = read_user(exchange, &page.user_id);

	if (status == STATUS_OK && (!read_limit(&exchange->request, &page.limit) ||
				    !read_cursor(&exchange->request, cursor, &page)))
		status = STATUS_INVALID_PARAMETER;
	if (status != STATUS_OK) {
		handle_refuse(exchange, status);
		return;
	}
	booking_list(&exchange->call, &page, &outcome);
	link_next(exchange, &page, outcome.next_cursor);
	handle_answer(exchange, &outcome);
}

static enum status read_booking(const struct json_in *json, struct uuid *out)
{
	const char *text = json_in_string(json, "bookingId");

	if (handle_is_missing(json, "bookingId"))
		return STATUS_MISSING_FIELDS;
	return text && uuid_parse(text, out) ? STATUS_OK : STATUS_INVALID_ID;
}

void handle_bookings_cancel(struct exchange *exchange)
{
	struct json_in *json = handle_body(exchange);
	struct outcome outcome = { .status = STATUS_OK };
	struct uuid user, booking;
	enum status status, user_status;

	if (!json)
		return;
	status = read_booking(json, &booking);
	json_in_free(json);
	user_status = read_user(exchange, &user);
	if (status == STATUS_OK ||
	    (user_status == STATUS_INVALID_ID && status == STATUS_INVALID_ID))
		status = user_status;
	if (status != STATUS_OK) {
		handle_refuse(exchange, status);
		return;
	}
	booking_cancel(&exchange->call, &user, &booking, &outcome);
	handle_answer(exchange, &outcome);
}
