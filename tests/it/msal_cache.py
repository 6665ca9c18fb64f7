"""Writes a token cache as the vendor's own sign-in library does: msal_cache.py FILE, a list of entries on stdin.

Each entry: user (or none, for an application), client, tenant, scopes, token, seconds.
"""
import base64
import json
import sys
import time

import msal


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


cache = msal.SerializableTokenCache()
for one in json.load(sys.stdin):
    response = {
        "token_type": "Bearer",
        "access_token": one["token"],
        "expires_in": one["seconds"],
        "scope": " ".join(one["scopes"]),
    }
    if one.get("user"):
        now = int(time.time())
        claims = {
            "aud": one["client"], "iss": "https://login.microsoftonline.com/%s/v2.0" % one["tenant"],
            "iat": now, "nbf": now, "exp": now + 3600, "sub": one["user"], "oid": one["user"],
            "preferred_username": one["user"], "tid": one["tenant"],
        }
        response["id_token"] = "%s.%s.%s" % (part({"alg": "none"}), part(claims), "x")
        response["client_info"] = part({"uid": one["user"], "utid": one["tenant"]})
        response["refresh_token"] = "refresh-" + one["token"]
    cache.add({
        "client_id": one["client"],
        "scope": one["scopes"],
        "token_endpoint": "https://login.microsoftonline.com/%s/oauth2/v2.0/token" % one["tenant"],
        "grant_type": "authorization_code" if one.get("user") else "client_credentials",
        "params": {}, "data": {},
        "response": response,
    })
with open(sys.argv[1], "w") as file:
    file.write(cache.serialize())
