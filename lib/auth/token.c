/*
 * libjwt 1.10 checks a signature and nothing else: not the time, and with an
 * empty key not even the signature. What makes a token good is therefore
 * spelled out here, claim by claim.
 */
#include "auth/token.h"

#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME "Bearer"
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define CLAIM_MAX (INT64_C(1) << 53) /* what JSON's readers agree on */

enum claim { CLAIM_ABSENT, CLAIM_GOOD, CLAIM_BROKEN };

/* The token in the header's value, NULL where it is of another scheme. */
static const char *bearer_token(const char *authorization)
{
	const char *rest = authorization + strlen(SCHEME);

	if (strncasecmp(authorization, SCHEME, strlen(SCHEME)) != 0)
		return NULL;
	if (*rest != ' ' && *rest != '\0')
		return NULL;
	return rest + strspn(rest, " ");
}

/* One part of a token: base64url, not empty, of a length that encoding gives. Returns what follows
 * it, NULL where it is none. */
static const char *skip_part(const char *part)
{
	size_t length = strspn(part, BASE64URL);

	return length > 0 && length % 4 != 1 ? part + length : NULL;
}

/* Header, claims and signature. To be asked before libjwt sees a token: it writes past an
 * allocation of no bytes where a part is empty, before it has looked at the signature. */
static bool has_three_parts(const char *token)
{
	const char *at = skip_part(token);

	for (int i = 0; i < 2; i++) {
		if (!at || *at != '.')
			return false;
		at = skip_part(at + 1);
	}
	return at && !*at;
}

/* RFC 7515, section 4.1.11: a token with an extension that is not understood must be refused. */
static bool has_extension(jwt_t *jwt)
{
	char *raw = jwt_get_headers_json(jwt, "crit");
	bool present = raw != NULL;

	free(raw);
	return present;
}

/* The token, where `secret` signed it with HS256. */
static jwt_t *decode_with(const char *token, const char *secret)
{
	jwt_t *jwt = NULL;

	if (!secret || !*secret) /* libjwt would take any token */
		return NULL;
	if (jwt_decode(&jwt, token, (const unsigned char *)secret, (int)strlen(secret)) != 0)
		return NULL;
	if (jwt_get_alg(jwt) == JWT_ALG_HS256 && !has_extension(jwt))
		return jwt;
	jwt_free(jwt);
	return NULL;
}

/* A claim that must be a whole number of seconds, judged by its raw text: libjwt reads a string or
 * a float as 0. */
static enum claim claim_integer(jwt_t *jwt, const char *name, int64_t *out)
{
	char *raw = jwt_get_grants_json(jwt, name);
	enum claim claim = CLAIM_BROKEN;

	if (!raw)
		return CLAIM_ABSENT;
	if (strspn(raw, "0123456789") == strlen(raw)) {
		*out = strtoll(raw, NULL, 10);
		claim = *out <= CLAIM_MAX ? CLAIM_GOOD : CLAIM_BROKEN;
	}
	free(raw);
	return claim;
}

bool principal_is_current(const struct principal *principal, int64_t now_s)
{
	return principal->not_before_s <= now_s && now_s < principal->expires_s;
}

static bool times_read(jwt_t *jwt, struct principal *out)
{
	int64_t issued_s;

	out->not_before_s = 0;
	return claim_integer(jwt, "exp", &out->expires_s) == CLAIM_GOOD &&
	       claim_integer(jwt, "nbf", &out->not_before_s) != CLAIM_BROKEN &&
	       claim_integer(jwt, "iat", &issued_s) != CLAIM_BROKEN;
}

static bool principal_read(jwt_t *jwt, struct principal *out)
{
	const char *role = jwt_get_grant(jwt, "role");

	if (!uuid_parse(jwt_get_grant(jwt, "userId"), &out->user_id) || !times_read(jwt, out))
		return false;
	out->is_admin = role && strcmp(role, "admin") == 0;
	return true;
}

enum status token_verify(const char *authorization, const struct token_secrets *secrets,
			 int64_t now_s, struct principal *out)
{
	const char *token = authorization ? bearer_token(authorization) : NULL;
	struct principal principal;
	jwt_t *jwt;
	bool good;

	if (!token)
		return STATUS_AUTH_REQUIRED;
	/* libjwt puts the token's length on the stack */
	if (strnlen(authorization, AUTHORIZATION_MAX + 1) > AUTHORIZATION_MAX ||
	    !has_three_parts(token))
		return STATUS_TOKEN_INVALID;

	jwt = decode_with(token, secrets->current);
	if (!jwt)
		jwt = decode_with(token, secrets->previous);
	if (!jwt)
		return STATUS_TOKEN_INVALID;
	good = principal_read(jwt, &principal) && principal_is_current(&principal, now_s);
	jwt_free(jwt);
	if (!good)
		return STATUS_TOKEN_INVALID;
	*out = principal;
	return STATUS_OK;
}

static bool add_text(jwt_t *jwt, const char *name, const char *value)
{
	return !value || jwt_add_grant(jwt, name, value) == 0;
}

char *token_issue(const char *secret, const char *user_id, const char *email, const char *role,
		  int64_t now_s, int64_t ttl_s)
{
	char *token = NULL;
	jwt_t *jwt = NULL;

	if (jwt_new(&jwt) != 0)
		return NULL;
	if (add_text(jwt, "userId", user_id) && add_text(jwt, "email", email) &&
	    add_text(jwt, "role", role) && jwt_add_grant_int(jwt, "iat", (long)now_s) == 0 &&
	    jwt_add_grant_int(jwt, "exp", (long)(now_s + ttl_s)) == 0 &&
	    jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret, (int)strlen(secret)) == 0)
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	return token;
}

struct fingerprint fingerprint_make(const char *key, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	struct fingerprint fingerprint = { "" };
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;

	if (!HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)text, strlen(text),
		  digest, &length))
		return fingerprint;
	for (unsigned int i = 0; i < length; i++) {
		fingerprint.text[2 * i] = hex[digest[i] >> 4];
		fingerprint.text[2 * i + 1] = hex[digest[i] & 0xf];
	}
	return fingerprint;
}
