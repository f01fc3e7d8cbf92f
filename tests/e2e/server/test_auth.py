"""
The access token, through nginx: each way in which it can be missing, wrong or forged is refused
with its own status and changes nothing, beside the token that is accepted.

Fails where a caller can pay in another user's name, or a customer with a good token is refused.
"""

import time

import pytest

from harness.client import new_id, refused, token, token_of
from harness.stack import process_body

PREVIOUS = "the-secret-before-this-one-of-more-than-32-bytes"
STACK = {"workers": 1, "settings": {"JWT_SECRET_PREVIOUS": PREVIOUS}}


def send(stack, reservation, authorization):
    return stack.pool.http("POST", "/process", body=process_body(reservation),
                           headers={"Authorization": authorization})


@pytest.mark.parametrize("authorization", [None, "", "Basic dTpw", "Token x", "x", "Bearerx"])
def test_no_bearer(stack, reservation, authorization):
    refused(send(stack, reservation, authorization), 401, "AUTH_REQUIRED")


CLAIMS = '{"userId": "%s", "email": "a@b.c", "role": "user", "exp": 4000000000'
BROKEN_TOKENS = {
    "nothing": lambda user: "",
    "one part": lambda user: "abc",
    "two parts": lambda user: token(user).rsplit(".", 1)[0],
    "four parts": lambda user: token(user) + ".x",
    "empty parts": lambda user: "..",
    "no base64": lambda user: "!!." + token(user).split(".", 1)[1],
    "claims are no JSON": lambda user: token_of({"alg": "HS256"}, "rubbish"),
    "claims are a list": lambda user: token_of({"alg": "HS256"}, "[]"),
    "other secret": lambda user: token(user, secret="x" * 40),
    "no secret": lambda user: token(user, secret=""),
    "signature cut": lambda user: token(user)[:-4],
    "claims changed": lambda user: ".".join(
        part if n != 1 else token(user, role="admin").split(".")[1]
        for n, part in enumerate(token(user).split("."))),
    "alg none": lambda user: token(user, alg="none"),
    "alg None": lambda user: token(user, alg="None", digest="none"),
    "alg none, signed": lambda user: token(user, alg="none", digest="sha256"),
    "HS512": lambda user: token(user, alg="HS512"),
    "HS384": lambda user: token(user, alg="HS384"),
    "RS256 in name": lambda user: token(user, alg="RS256"),
    "no alg": lambda user: token_of({"typ": "JWT"}, CLAIMS % user + "}"),
    "expired": lambda user: token(user, expires_in_s=-1),
    "expired long ago": lambda user: token(user, expires_in_s=-90000),
    "no exp": lambda user: token(user, drop=["exp"]),
    "exp is text": lambda user: token(user, exp=str(int(time.time()) + 3600)),
    "exp is null": lambda user: token(user, exp=None),
    "exp is negative": lambda user: token(user, exp=-1),
    "exp is true": lambda user: token(user, exp=True),
    "nbf ahead": lambda user: token(user, nbf=int(time.time()) + 600),
    "nbf is text": lambda user: token(user, nbf="0"),
    "no userId": lambda user: token(user, drop=["userId"]),
    "userId is a number": lambda user: token(7),
    "userId is an object": lambda user: token({"id": user}),
    "userId is a list": lambda user: token([user]),
    "userId is null": lambda user: token(None),
    "userId is empty": lambda user: token(""),
    "userId is no UUID": lambda user: token("42"),
    "userId is SQL": lambda user: token(f"{user}' OR '1'='1"),
    "8 KB and a little": lambda user: token(user, filler="x" * 6000),
    "9 KB": lambda user: token(user, filler="x" * 6600),
}


@pytest.mark.parametrize("fault", BROKEN_TOKENS)
def test_bad_token(stack, reservation, fault):
    bad = BROKEN_TOKENS[fault](stack.user)
    refused(send(stack, reservation, f"Bearer {bad}"), 403, "TOKEN_INVALID")


def test_token_of_7_kb_is_taken(stack):
    """The control of the larger ones: below the limit, size is no fault."""
    large = token(stack.user, filler="x" * 5000)
    assert len(large) > 6900
    made = stack.reserve()
    assert send(stack, made, f"Bearer {large}").status == 200


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer   "])
def test_bearer_in_any_case(stack, scheme):
    made = stack.reserve()
    assert send(stack, made, scheme + stack.token).status == 200


def test_previous_secret_is_taken(stack):
    made = stack.reserve()
    wrong = token(stack.user, secret=PREVIOUS + "x")
    refused(stack.process(made, token=wrong), 403, "TOKEN_INVALID")
    assert stack.process(made, token=token(stack.user, secret=PREVIOUS)).status == 200


def test_nbf_past_is_taken(stack):
    made = stack.reserve()
    assert stack.process(made, token=token(stack.user, nbf=int(time.time()) - 10)).status == 200


def test_user_unknown(stack, reservation):
    refused(stack.process(reservation, token=token(new_id())), 401, "USER_NOT_FOUND")


def test_user_id_in_any_case(stack):
    made = stack.reserve()
    assert stack.process(made, token=token(stack.user.upper())).status == 200
