/* The grammar of RFC 8259, to the letter, before a lenient parser sees the text. */
#ifndef PAYMENTS_BASE_JSON_SCAN_H
#define PAYMENTS_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * True where the `length` bytes are exactly one JSON object in valid UTF-8,
 * without lone surrogates, the character U+0000, nesting deeper than
 * JSON_DEPTH_MAX, or a number longer than JSON_NUMBER_MAX bytes. One pass; says
 * nothing about repeated keys.
 */
bool json_scan_object(const char *text, size_t length);

#define JSON_NUMBER_MAX 40 /* bytes: cJSON cuts one off after 63 and goes on in its middle */

#endif
