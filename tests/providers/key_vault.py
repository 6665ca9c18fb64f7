"""Stands in for Azure Key Vault's keys: get, wrapkey and unwrapkey of RSA keys, and the token endpoints.

Prints its ports as JSON, plain and with TLS (the vendor's client wants it), and the file of the certificate to trust;
serves until standard input ends. What it does is held to the vendor's own client by
key_vault_client.py, which talks to it as it talks to the service.

Keys: connref (two versions), other, disabled, ec. Names that begin with `fail-` answer with that status.
"""

import base64
import datetime
import ipaddress
import json
import os
import ssl
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

TENANT, CLIENT, SECRET = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222", "canary-secret"
FEDERATED, IDENTITY_WORD, TOKEN = "canary-federated", "canary-word", "canary-vault-token"
SCOPE = "https://vault.azure.net/.default"
VERSIONS = {"connref": ["a" * 32, "b" * 32], "other": ["c" * 32], "disabled": ["d" * 32]}
KEYS = {version: rsa.generate_private_key(65537, 2048) for versions in VERSIONS.values() for version in versions}
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value):
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def error(self, status, code):
        self.answer(status, {"error": {"code": code, "message": f"{code} canary-echo"}})

    def do_GET(self):
        self.serve(b"")

    def do_POST(self):
        self.serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def serve(self, body):
        address = urlparse(self.path)
        parts = [part for part in address.path.split("/") if part]
        query = parse_qs(address.query)
        if parts == [TENANT, "oauth2", "v2.0", "token"]:
            return self.token(parse_qs(body.decode()))
        if parts == ["msi", "token"]:
            return self.identity(query)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            challenge = f'Bearer authorization="http://{self.headers["Host"]}/{TENANT}", resource="https://vault.azure.net"'
            return self.answer(401, {"error": {"code": "Unauthorized"}}, [("WWW-Authenticate", challenge)])
        if "api-version" not in query or not parts or parts[0] != "keys" or len(parts) < 2:
            return self.error(400, "BadParameter")
        return self.key(parts[1], parts[2:], body)

    def token(self, form):
        given = {name: values[0] for name, values in form.items()}
        assertion = given.get("client_assertion") == FEDERATED
        proven = given.get("client_secret") == SECRET or assertion
        if not proven or given.get("client_id") != CLIENT or given.get("scope") != SCOPE:
            return self.answer(401, {"error": "invalid_client", "error_description": "AADSTS7000215: canary-echo"})
        return self.answer(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN})

    def identity(self, query):
        if self.headers.get("X-IDENTITY-HEADER") != IDENTITY_WORD or query.get("resource") != ["https://vault.azure.net"]:
            return self.error(400, "BadIdentityRequest")
        return self.answer(200, {"token_type": "Bearer", "expires_on": str(int(time.time()) + 3600), "access_token": TOKEN})

    def key(self, name, rest, body):
        if name.startswith("fail-"):
            return self.error(int(name[5:]), "Failed")
        if name not in VERSIONS:
            return self.error(404, "KeyNotFound")
        version = rest[0] if rest and rest[0] in VERSIONS[name] else VERSIONS[name][-1]
        if rest and rest[0] not in VERSIONS[name] and rest[0] not in ("wrapkey", "unwrapkey"):
            return self.error(404, "KeyNotFound")
        kid, key = f"https://stand-in.vault.azure.net/keys/{name}/{version}", KEYS[version]
        verb = rest[-1] if rest and rest[-1] in ("wrapkey", "unwrapkey") else None
        if verb is None:
            public = key.public_key().public_numbers()
            operations = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
            jwk = {"kid": kid, "kty": "RSA", "key_ops": operations, "n": number(public.n), "e": number(public.e)}
            return self.answer(200, {"key": jwk, "attributes": {"enabled": name != "disabled"}})
        given = json.loads(body)
        if given.get("alg") != "RSA-OAEP-256":
            return self.error(400, "BadParameter")
        try:
            data = decode(given["value"])
            value = key.public_key().encrypt(data, OAEP) if verb == "wrapkey" else key.decrypt(data, OAEP)
        except ValueError:
            return self.error(400, "BadParameter")
        return self.answer(200, {"kid": kid, "value": encode(value)})


def certificate(folder):
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    for file, text in [("key.pem", private), ("certificate.pem", public)]:
        with open(os.path.join(folder, file), "wb") as out:
            out.write(text)
    return os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")


def serve(context=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


with tempfile.TemporaryDirectory() as folder:
    trusted, private = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    print(json.dumps({"port": serve(), "tls": serve(context), "trusted": trusted}), flush=True)
    sys.stdin.read()
