/* Tokens made part by part, good and bad, without libjwt. */
#ifndef TESTS_UNIT_TOKEN_FORGE_H
#define TESTS_UNIT_TOKEN_FORGE_H

#include <openssl/evp.h>

#define NOW INT64_C(1795164012)
#define SECRET "3fH9vQx2LmT8kZr5WbNc7YpJd4GsAe1u"
#define OTHER "b7c1f0a39d5e482668f4e1d07a9c3b52"
#define USER "0190b2a4-7c1e-7abc-8def-0123456789ab"
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define ID "\"userId\":\"" USER "\""
#define EXP "\"exp\":1795164013"
#define CLAIMS "{" ID "," EXP "}"

/* "Bearer " and a token of these parts, signed with `digest` (NULL: not signed). The caller
 * frees. */
char *token_forge(const char *header, const char *claims, const char *secret, const EVP_MD *digest);

#endif
