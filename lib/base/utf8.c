#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>

/* Lead bytes, the number of following bytes, and the range of the first of those. */
static const struct lead {
	uint8_t first, last, follow, low, high;
} leads[] = {
	{ 0x00, 0x7f, 0, 0x00, 0x00 }, { 0xc2, 0xdf, 1, 0x80, 0xbf }, { 0xe0, 0xe0, 2, 0xa0, 0xbf },
	{ 0xe1, 0xec, 2, 0x80, 0xbf }, { 0xed, 0xed, 2, 0x80, 0x9f }, { 0xee, 0xef, 2, 0x80, 0xbf },
	{ 0xf0, 0xf0, 3, 0x90, 0xbf }, { 0xf1, 0xf3, 3, 0x80, 0xbf }, { 0xf4, 0xf4, 3, 0x80, 0x8f },
};

static const struct lead *lead_find(uint8_t byte)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (byte >= leads[i].first && byte <= leads[i].last)
			return &leads[i];
	return NULL;
}

static bool in_range(uint8_t byte, uint8_t low, uint8_t high)
{
	return byte >= low && byte <= high;
}

size_t utf8_length(const char *bytes, size_t available)
{
	const uint8_t *at = (const uint8_t *)bytes;
	const struct lead *lead = available > 0 ? lead_find(*at) : NULL;

	if (!lead || available <= lead->follow)
		return 0;
	for (size_t i = 1; i <= lead->follow; i++)
		if (!in_range(at[i], i == 1 ? lead->low : 0x80, i == 1 ? lead->high : 0xbf))
			return 0;
	return (size_t)lead->follow + 1;
}
