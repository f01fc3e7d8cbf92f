#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* NULL: no such header in the head. */
static const char *header_find(const char *head, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " ");
	}
	return NULL;
}

/* The data of the chunk at `from`; NULL: not complete. */
static const char *chunk_data(const char *from, const char *limit, size_t *size)
{
	char *size_end;
	unsigned long wanted = strtoul(from, &size_end, 16);
	const char *data = strstr(size_end, "\r\n");

	if (size_end == from || !data || wanted > (size_t)(limit - data))
		return NULL;
	data += 2;
	if (wanted + 2 > (size_t)(limit - data))
		return NULL;
	*size = wanted;
	return data;
}

/* Decodes chunks in place. True: the last chunk has arrived; *end is the end of the body. */
static bool chunks_join(char *in, size_t length, size_t body, size_t *end)
{
	const char *from = in + body, *limit = in + length, *data;
	size_t size;

	do { /* an incomplete body must stay unchanged: check first */
		data = chunk_data(from, limit, &size);
		if (!data)
			return false;
		from = data + size + 2;
	} while (size > 0);
	*end = body;
	for (from = in + body; (data = chunk_data(from, limit, &size)) && size > 0; *end += size) {
		from = data + size + 2;
		memmove(in + *end, data, size);
	}
	return true;
}

/* Finds the end of the body. */
static bool answer_end(char *in, size_t length, bool bodiless, bool closed, struct answer *answer)
{
	const char *told = header_find(in, "Content-Length");
	const char *coding = header_find(in, "Transfer-Encoding");

	if (bodiless || answer->status == 204 || answer->status == 304) {
		answer->end = answer->body;
		return true;
	}
	if (coding && strncasecmp(coding, "chunked", 7) == 0)
		return chunks_join(in, length, answer->body, &answer->end);
	if (told) {
		answer->end = answer->body + strtoul(told, NULL, 10);
		return answer->end <= length;
	}
	answer->end = length;
	answer->keep = false;
	return closed;
}

bool answer_parse(char *in, size_t length, bool bodiless, bool closed, struct answer *answer)
{
	char *head_end = length ? strstr(in, "\r\n\r\n") : NULL;
	const char *connection;
	bool whole;

	if (!head_end || sscanf(in, "HTTP/1.%*d %d", &answer->status) != 1)
		return false;
	head_end[2] = '\0'; /* header_find must not look into the body */
	connection = header_find(in, "Connection");
	answer->keep = !connection || strncasecmp(connection, "close", 5) != 0;
	answer->body = (size_t)(head_end + 4 - in);
	whole = answer_end(in, length, bodiless, closed, answer);
	head_end[2] = '\r';
	return whole && answer->status > 0 && answer->status < ANSWER_STATUS_MAX;
}
