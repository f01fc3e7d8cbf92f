/*
 * The signature comes first: nothing of a token that nobody signed reaches a
 * parser. What it says is then read by libjwt, which knows no more of a token
 * than its parts and (1.10) checks neither the time nor what the claims are:
 * what makes a token good is spelled out here, claim by claim.
 */
#include "auth/token.h"

#include "auth/hmac.h"

#include <errno.h>
#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME "Bearer"
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define SIGNATURE_LENGTH 43 /* of 32 bytes in base64url */
#define SIGNATURE_SIZE 45   /* with padding and NUL */
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

/* Where the signature of a token begins, the last of its three parts; NULL where it has not three. libjwt
 * would write past an allocation of no bytes where a part is empty. */
static const char *find_signature(const char *token)
{
	const char *claims = skip_part(token), *signature, *end;

	if (!claims || *claims != '.')
		return NULL;
	signature = skip_part(claims + 1);
	if (!signature || *signature != '.')
		return NULL;
	end = skip_part(signature + 1);
	return end && *end == '\0' ? signature + 1 : NULL;
}

/* RFC 4648, section 5, without padding. */
static void signature_format(const unsigned char mac[HMAC_BYTES], char out[SIGNATURE_SIZE])
{
	EVP_EncodeBlock((unsigned char *)out, mac, HMAC_BYTES);
	for (char *c = out; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	out[SIGNATURE_LENGTH] = '\0';
}

/* RFC 7515, section 5.2, for HS256. Out of memory counts as no. */
static bool is_signed_with(const char *token, const char *signature, const char *secret)
{
	unsigned char mac[HMAC_BYTES];
	char expected[SIGNATURE_SIZE];

	if (!secret || !*secret || strlen(signature) != SIGNATURE_LENGTH ||
	    !hmac_sha256(secret, token, (size_t)(signature - token) - 1, mac))
		return false;
	signature_format(mac, expected);
	return CRYPTO_memcmp(expected, signature, SIGNATURE_LENGTH) == 0;
}

/* RFC 7515, section 4.1.11: a token with an extension that is not understood must be refused. */
static bool has_extension(jwt_t *jwt)
{
	char *raw = jwt_get_headers_json(jwt, "crit");
	bool present = raw != NULL;

	free(raw);
	return present;
}

/* The parts of a token whose signature is good already: without a key libjwt only reads. NULL: it says that
 * another algorithm signed it, or no more than rubbish. */
static jwt_t *decode(const char *token)
{
	const char *algorithm;
	jwt_t *jwt = NULL;

	if (jwt_decode(&jwt, token, NULL, 0) != 0)
		return NULL;
	algorithm = jwt_get_header(jwt, "alg");
	if (algorithm && strcmp(algorithm, "HS256") == 0 && !has_extension(jwt))
		return jwt;
	jwt_free(jwt);
	return NULL;
}

/* libjwt reads what is no integer as 0: only the raw text tells that from a true one. */
static bool is_zero(jwt_t *jwt, const char *name)
{
	char *raw = jwt_get_grants_json(jwt, name);
	bool zero = raw && strcmp(raw, "0") == 0;

	free(raw);
	return zero;
}

/* A claim that must be a whole number of seconds. */
static enum claim claim_integer(jwt_t *jwt, const char *name, int64_t *out)
{
	errno = 0;
	*out = jwt_get_grant_int(jwt, name);
	if (errno == ENOENT)
		return CLAIM_ABSENT;
	if (*out > 0 ? *out <= CLAIM_MAX : *out == 0 && is_zero(jwt, name))
		return CLAIM_GOOD;
	return CLAIM_BROKEN;
}

bool principal_is_current(const struct principal *principal, int64_t now_s)
{
	return principal->not_before_s <= now_s && now_s < principal->expires_s;
}

static bool times_read(jwt_t *jwt, struct principal *out)
{
	enum claim not_before = claim_integer(jwt, "nbf", &out->not_before_s);
	int64_t issued_s;

	if (not_before == CLAIM_ABSENT)
		out->not_before_s = 0;
	return claim_integer(jwt, "exp", &out->expires_s) == CLAIM_GOOD && not_before != CLAIM_BROKEN &&
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
	const char *token = authorization ? bearer_token(authorization) : NULL, *signature;
	struct principal principal;
	jwt_t *jwt;
	bool good;

	if (!token)
		return STATUS_AUTH_REQUIRED;
	/* libjwt puts the token's length on the stack */
	if (strnlen(authorization, AUTHORIZATION_MAX + 1) > AUTHORIZATION_MAX)
		return STATUS_TOKEN_INVALID;
	signature = find_signature(token);
	if (!signature || (!is_signed_with(token, signature, secrets->current) &&
			   !is_signed_with(token, signature, secrets->previous)))
		return STATUS_TOKEN_INVALID;

	jwt = decode(token);
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
	unsigned char mac[HMAC_BYTES];

	if (!hmac_sha256(key, text, strlen(text), mac))
		return fingerprint;
	for (int i = 0; i < HMAC_BYTES; i++) {
		fingerprint.text[2 * i] = hex[mac[i] >> 4];
		fingerprint.text[2 * i + 1] = hex[mac[i] & 0xf];
	}
	return fingerprint;
}
