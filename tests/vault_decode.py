"""Reads what connref sealed, from docs/vault-format.md alone. Needs the package `cryptography`.

    vault_decode.py vectors FILE               every vector opens or is refused as the file says
    vault_decode.py database FILE KEYFILE      prints each secret of a SQLite installation as JSON lines
"""

import hashlib
import hmac
import json
import sqlite3
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id


class Refused(Exception):
    """It does not open, or not here."""


def associated(purpose, row):
    parts = [purpose, row["tenant"], row["environment"], row["connection"], row["connector"], row["field"]]
    parts.append(str(row["version"]))
    return b"".join(struct.pack(">I", len(part.encode())) + part.encode() for part in parts)


def gcm(key, sealed, data):
    if len(sealed) < 12 + 16:
        raise Refused("too short")
    try:
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], data)
    except InvalidTag:
        raise Refused("does not open") from None


def unseal(tenant_key, row, sealed):
    if len(sealed) < 97 or sealed[0] != 1:
        raise Refused("another format")
    data_key = gcm(tenant_key, sealed[37:97], associated("connref.wrap.v1", row))
    commitment = hmac.new(data_key, b"connref.commit.v1", hashlib.sha256).digest()
    if not hmac.compare_digest(commitment, sealed[5:37]):
        raise Refused("another commitment")
    plain = gcm(data_key, sealed[97:], associated("connref.secret.v1", row))
    plain.decode()
    return plain


def provider_key(kind, given, wrapped):
    if kind == "file":
        return bytes.fromhex(given), wrapped
    kind, memory, passes, lanes = struct.unpack(">BIII", wrapped[:13])
    if kind != 1:
        raise Refused("another format")
    derive = Argon2id(salt=wrapped[13:29], length=32, iterations=passes, lanes=lanes, memory_cost=memory)
    return derive.derive(given.encode()), wrapped[29:]


def unwrap(kind, given, tenant, wrapped, fingerprint):
    key, sealed = provider_key(kind, given, wrapped)
    name = hmac.new(key, b"connref.fingerprint.v1", hashlib.sha256).digest()[:8].hex()
    if name != fingerprint:
        raise Refused("another key")
    return gcm(key, sealed, b"connref.tenant.v1\0" + tenant.encode())


def outcome(opening):
    try:
        return opening().hex()
    except Refused:
        return None


def vectors(path):
    with open(path, encoding="utf-8") as file:
        given = json.load(file)
    wrong, moved = [], 0
    for row in given["secrets"]:
        key, sealed = bytes.fromhex(row["tenant_key"]), bytes.fromhex(row["sealed"])
        if outcome(lambda: unseal(key, row, sealed)) != row.get("plain"):
            wrong.append(row["name"])
        if "plain" not in row:
            continue
        # Whatever opens opens in its own place only.
        for part in ["tenant", "environment", "connection", "connector", "field", "version"]:
            elsewhere = dict(row)
            elsewhere[part] = row[part] - 1 if part == "version" else row[part] + "x"
            moved += 1
            if outcome(lambda: unseal(key, elsewhere, sealed)) is not None:
                wrong.append(f"{row['name']}, moved by {part}")
    for row in given["tenant_keys"]:
        wrapped = bytes.fromhex(row["wrapped"])
        opening = lambda: unwrap(row["provider"], row["with"], row["tenant"], wrapped, row["fingerprint"])
        if outcome(opening) != row.get("plain"):
            wrong.append(row["name"])
    total = len(given["secrets"]) + len(given["tenant_keys"])
    print(json.dumps({"vectors": total, "moved": moved, "wrong": wrong}))
    return 1 if wrong else 0


def database(path, key_file):
    with open(key_file, encoding="ascii") as file:
        given = file.read().strip()
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    keys, tenants = {}, {}
    for tenant, version, kind, fingerprint, wrapped in db.execute(
        "SELECT tenantid, version, provider, fingerprint, wrapped FROM tenant_key"
    ):
        keys[version], tenants[version] = unwrap(kind, given, tenant, wrapped, fingerprint), tenant
    for environment, connection, connector, field, own, current, sealed in db.execute(
        "SELECT s.environmentid, s.connectionid, c.api_key, s.field, s.version, c.credentialversion, s.envelope "
        "FROM connection_secret s JOIN connection c "
        "ON c.environmentid = s.environmentid AND c.connectionid = s.connectionid ORDER BY c.displayname, s.field"
    ):
        version = struct.unpack(">I", sealed[1:5])[0]
        row = {
            "tenant": tenants[version],
            "environment": environment,
            "connection": connection,
            "connector": connector,
            "field": field,
            "version": own if field.startswith("~") else current,
        }
        plain = unseal(keys[version], row, sealed).decode()
        print(json.dumps({"connection": connection, "field": field, "key": version, "secret": plain}))
    return 0


if __name__ == "__main__":
    sys.exit({"vectors": vectors, "database": database}[sys.argv[1]](*sys.argv[2:]))
