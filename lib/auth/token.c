/*
 * The signature is checked first: nothing of an unsigned token reaches a parser. The signed text is
 * read by the strict JSON reader: a repeated key, or a number that is not an integer, is refused.
 */
#include "auth/token.h"

#include "auth/base64url.h"
#include "auth/hmac.h"
#include "base/json_in.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME "Bearer"
#define SIGNATURE_SIZE BASE64URL_SIZE(HMAC_BYTES)

/* Header and claims end at the dot before the next part, the signature at the NUL. */
struct parts {
	const char *header, *claims, *signature;
};

/* NULL: another scheme. */
static const char *bearer_token(const char *authorization)
{
	const char *rest = authorization + strlen(SCHEME);

	if (strncasecmp(authorization, SCHEME, strlen(SCHEME)) != 0)
		return NULL;
	if (*rest != ' ' && *rest != '\0')
		return NULL;
	return rest + strspn(rest, " ");
}

/* Returns the end of the part; NULL: empty or not base64url. */
static const char *skip_part(const char *part)
{
	size_t length = base64url_span(part);

	return length > 0 ? part + length : NULL;
}

static bool token_split(const char *token, struct parts *out)
{
	const char *end = skip_part(token);

	out->header = token;
	if (!end || *end != '.')
		return false;
	out->claims = end + 1;
	end = skip_part(out->claims);
	if (!end || *end != '.')
		return false;
	out->signature = end + 1;
	end = skip_part(out->signature);
	return end && *end == '\0';
}

/* RFC 7515, section 5.2, for HS256. INTERNAL_ERROR: no memory. */
static enum status signature_check(const struct parts *parts, const char *secret)
{
	unsigned char mac[HMAC_BYTES];
	char expected[SIGNATURE_SIZE];

	if (!secret || !*secret || strlen(parts->signature) != SIGNATURE_SIZE - 1)
		return STATUS_TOKEN_INVALID;
	if (!hmac_sha256(secret, parts->header, (size_t)(parts->signature - parts->header) - 1,
			 mac))
		return STATUS_INTERNAL_ERROR;
	base64url_encode(mac, HMAC_BYTES, expected);
	return CRYPTO_memcmp(expected, parts->signature, SIGNATURE_SIZE) == 0
		       ? STATUS_OK
		       : STATUS_TOKEN_INVALID;
}

/* RFC 7515, section 4.1.11: a token with an unknown extension must be refused. */
static bool header_read(const struct json_in *header, struct principal *out)
{
	const char *algorithm = json_in_string(header, "alg");

	(void)out;
	return algorithm && strcmp(algorithm, "HS256") == 0 &&
	       json_in_type(header, "crit") == JSON_ABSENT;
}

/* Optional; if present, an integer. */
static bool seconds_read(const struct json_in *claims, const char *name, int64_t *out)
{
	return json_in_type(claims, name) == JSON_ABSENT ||
	       (json_in_integer(claims, name, out) && *out >= 0);
}

static bool claims_read(const struct json_in *claims, struct principal *out)
{
	const char *id = json_in_string(claims, "userId"), *role = json_in_string(claims, "role");
	int64_t issued_s;

	*out = (struct principal){ .is_admin = role && strcmp(role, "admin") == 0 };
	/* without exp, expires_s is 0: expired in 1970 */
	return id && uuid_parse(id, &out->user_id) &&
	       seconds_read(claims, "exp", &out->expires_s) &&
	       seconds_read(claims, "nbf", &out->not_before_s) &&
	       seconds_read(claims, "iat", &issued_s);
}

/* The part ends before the dot before `next`. */
static enum status part_read(const char *part, const char *next,
			     bool (*read)(const struct json_in *json, struct principal *out),
			     struct principal *out)
{
	size_t length = 0;
	char *text = base64url_decode(part, (size_t)(next - part) - 1, &length);
	struct json_in *json;
	enum status status;

	if (!text)
		return STATUS_INTERNAL_ERROR;
	status = json_in_parse(text, length, &json);
	free(text);
	if (status == STATUS_MALFORMED_JSON || (status == STATUS_OK && !read(json, out)))
		status = STATUS_TOKEN_INVALID;
	json_in_free(json);
	return status;
}

bool principal_is_current(const struct principal *principal, int64_t now_s)
{
	return principal->not_before_s <= now_s && now_s < principal->expires_s;
}

enum status token_verify(const char *authorization, const struct token_secrets *secrets,
			 int64_t now_s, struct principal *out)
{
	const char *token = authorization ? bearer_token(authorization) : NULL;
	struct principal principal;
	struct parts parts;
	enum status status;

	if (!token)
		return STATUS_AUTH_REQUIRED;
	if (strnlen(authorization, AUTHORIZATION_MAX + 1) > AUTHORIZATION_MAX ||
	    !token_split(token, &parts))
		return STATUS_TOKEN_INVALID;
	status = signature_check(&parts, secrets->current);
	if (status == STATUS_TOKEN_INVALID)
		status = signature_check(&parts, secrets->previous);
	if (status == STATUS_OK)
		status = part_read(parts.header, parts.claims, header_read, &principal);
	if (status == STATUS_OK)
		status = part_read(parts.claims, parts.signature, claims_read, &principal);
	if (status == STATUS_OK && !principal_is_current(&principal, now_s))
		status = STATUS_TOKEN_INVALID;
	if (status == STATUS_OK)
		*out = principal;
	return status;
}

struct fingerprint fingerprint_make(const char *key, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	struct fingerprint fingerprint = { "" };
	unsigned char mac[HMAC_BYTES];

	if (!hmac_sha256(key, text, strlen(text), mac))
		return fingerprint;
	for (int i = 0; i < HMAC_BYTES; i++) {
		fingerprint.text[2 * i] = hex[mac[i] >> 4];
		fingerprint.text[2 * i + 1] = hex[mac[i] & 0xf];
	}
	return fingerprint;
}
