#define _GNU_SOURCE 1 /* asprintf */

#include "token_forge.h"

#include "base/buf.h"

#include <check.h>
#include <openssl/hmac.h>
#include <string.h>

static void put_base64url(struct buf *out, const void *bytes, size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *at = bytes;
	unsigned int bits = 0;
	int held = 0;

	for (size_t i = 0; i < length; i++) {
		bits = bits << 8 | at[i];
		for (held += 8; held >= 6; held -= 6)
			buf_append(out, &digits[bits >> (held - 6) & 63], 1);
	}
	if (held > 0)
		buf_append(out, &digits[bits << (6 - held) & 63], 1);
}

char *token_forge(const char *header, const char *claims, const char *secret, const EVP_MD *digest)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	struct buf token = { 0 };
	unsigned int length = 0;
	char *out;

	put_base64url(&token, header, strlen(header));
	buf_puts(&token, ".");
	put_base64url(&token, claims, strlen(claims));
	if (digest)
		HMAC(digest, secret, (int)strlen(secret), (const unsigned char *)token.data,
		     token.length, mac, &length);
	buf_puts(&token, ".");
	put_base64url(&token, mac, length);
	ck_assert_int_gt(asprintf(&out, "Bearer %s", buf_text(&token)), 0);
	buf_free(&token);
	return out;
}
