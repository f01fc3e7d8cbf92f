#define _GNU_SOURCE 1 /* strcasestr */

#include "config/secret.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define DISTINCT_MIN 8 /* different bytes; 32 random hex digits have more */

/* Secrets of tutorials and examples. An attacker tries them first. */
/* clang-format off */
static const char *const examples[] = {
	"secret", "supersecret", "password", "jwt_secret", "jwt-secret", "secretkey", "secret-key",
	"mysecret", "mysecretkey", "this-is-a-very-long-secret-key-for-jwt",
	"thisisaverylongsecretkeyforjwttokens",
	"qwertyuiopasdfghjklzxcvbnm123456", /* the JJWT and jwt.io collections' */
	"a-string-secret-at-least-256-bits-long", /* jwt.io's, since 2024 */
	"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
	"0123456789abcdef0123456789abcdef", "01234567890123456789012345678901",
	"abcdefghijklmnopqrstuvwxyz123456",
};

/* A secret with one of these parts was copied from an example and not replaced. */
static const char *const placeholders[] = {
	"changeme", "change-me", "change_me", "change-this", "change_this", "changethis",
	"change-in-production", "change_in_production", "your-256-bit-secret", "your-secret",
	"your_secret", "yoursecret", "your-super-secret", "your_super_secret", "your-jwt-secret",
	"your_jwt_secret", "super-secret-jwt", "super-secret-key", "super_secret_key", "replace-me",
	"replace_me", "example-secret", "example_secret", "default-secret", "default_secret",
	"development-secret", "development_secret", "dev-secret", "dev_secret",
};
/* clang-format on */

static bool is_example(const char *secret)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		if (strcasecmp(secret, examples[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++)
		if (strcasestr(secret, placeholders[i]))
			return true;
	return false;
}

static int distinct_bytes(const char *secret)
{
	bool seen[UINT8_MAX + 1] = { false };
	int count = 0;

	for (; *secret; secret++) {
		count += !seen[(uint8_t)*secret];
		seen[(uint8_t)*secret] = true;
	}
	return count;
}

const char *secret_weakness(const char *secret)
{
	if (!secret || !*secret)
		return "it is empty";
	if (is_example(secret))
		return "it is a well-known example";
	if (strlen(secret) < SECRET_MIN)
		return "it is shorter than 32 bytes";
	if (distinct_bytes(secret) < DISTINCT_MIN)
		return "it is made of fewer than 8 different bytes";
	return NULL;
}
