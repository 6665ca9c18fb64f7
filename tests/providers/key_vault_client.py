"""The vendor's own client against the stand-in of key_vault.py: one wraps, the other unwraps.

    key_vault_client.py ORIGIN CERTIFICATE wrap KEY VERSION HEX      prints what the client wrapped
    key_vault_client.py ORIGIN CERTIFICATE unwrap KEY VERSION HEX    prints what the client unwrapped
"""

import sys
import time

from azure.core.credentials import AccessToken
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, KeyWrapAlgorithm


class Credential:
    def get_token(self, *_scopes, **_options):
        return AccessToken("canary-vault-token", int(time.time()) + 3600)


origin, trusted, verb, name, version, text = sys.argv[1:]
options = {"verify_challenge_resource": False, "api_version": "7.4", "connection_verify": trusted}
keys = KeyClient(origin, Credential(), **options)
key = keys.get_key(name, version)
assert key.properties.enabled and key.key.n, key
# By identifier, not by the key at hand: the service itself is to do the work.
client = CryptographyClient(f"{origin}/keys/{name}/{version}", Credential(), **options)
data = bytes.fromhex(text)
if verb == "wrap":
    done = client.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, data).encrypted_key
else:
    done = client.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, data).key
print(done.hex())
