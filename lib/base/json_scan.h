/* The exact grammar of RFC 8259, checked before a lenient parser reads the text. */
#ifndef PAYMENTS_BASE_JSON_SCAN_H
#define PAYMENTS_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* True: exactly one JSON object as json_in.h describes it, and no number is longer than
 * JSON_NUMBER_MAX bytes. Repeated keys are not checked. */
bool json_scan_object(const char *text, size_t length);

#define JSON_NUMBER_MAX 40 /* cJSON cuts a number after 63 bytes and reads on in its middle */

#endif
