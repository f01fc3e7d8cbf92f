#include "auth/base64url.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

size_t base64url_span(const char *text)
{
	size_t length = strspn(text, ALPHABET);

	return length % 4 == 1 ? 0 : length;
}

/* libcrypto has only the plain alphabet; two of its characters differ. */
static void swap_letters(char *text, size_t length, const char from[2], const char to[2])
{
	for (size_t i = 0; i < length; i++)
		text[i] = text[i] == from[0] ? to[0] : text[i] == from[1] ? to[1] : text[i];
}

void base64url_encode(const unsigned char *bytes, size_t length, char *out)
{
	char padded[(BASE64URL_BYTES_MAX + 2) / 3 * 4 + 1];
	size_t kept = BASE64URL_SIZE(length) - 1;

	assert(length <= BASE64URL_BYTES_MAX);
	EVP_EncodeBlock((unsigned char *)padded, bytes, (int)length);
	swap_letters(padded, kept, "+/", "-_");
	memcpy(out, padded, kept);
	out[kept] = '\0';
}

char *base64url_decode(const char *text, size_t length, size_t *bytes)
{
	size_t padded = (length + 3) / 4 * 4;
	char *plain = malloc(padded + padded / 4 * 3 + 1), *out;

	if (!plain)
		return NULL;
	out = plain + padded;
	memcpy(plain, text, length);
	swap_letters(plain, length, "-_", "+/");
	memset(plain + length, '=', padded - length);
	if (EVP_DecodeBlock((unsigned char *)out, (unsigned char *)plain, (int)padded) < 0) {
		free(plain);
		return NULL;
	}
	*bytes = length * 3 / 4;
	memmove(plain, out, *bytes);
	plain[*bytes] = '\0';
	return plain;
}
