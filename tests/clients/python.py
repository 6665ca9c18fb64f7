"""Existing Python clients, unchanged, against a server over HTTPS.

Where the server is and who signs in comes from the environment. Writes lines of JSON: what each did, and
{"user_code", "uri"} while a person has to confirm a code.
"""
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

import msal
import requests
from azure.identity import CertificateCredential, ClientSecretCredential
from PowerPlatform.Dataverse.client import DataverseClient

AUTHORITY = os.environ["AUTHORITY"]
ENVIRONMENT = os.environ["ENVIRONMENT"]
TENANT = os.environ["TENANT"]
CLIENT = os.environ["CLIENT_ID"]
SECRET = os.environ["CLIENT_SECRET"]
SCOPE = f"{ENVIRONMENT}/.default"


def tell(**what):
    print(json.dumps(what), flush=True)


def who(token):
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{ENVIRONMENT}/api/data/v9.2/WhoAmI", headers=headers, timeout=60)
    answer.raise_for_status()
    return answer.json()["UserId"]


common = {"authority": AUTHORITY, "disable_instance_discovery": True}
by_secret = ClientSecretCredential(TENANT, CLIENT, SECRET, **common)
by_certificate = CertificateCredential(TENANT, CLIENT, os.environ["CERTIFICATE"], **common)
by_chain = CertificateCredential(
    TENANT, CLIENT, os.environ["CERTIFICATE"], send_certificate_chain=True, **common
)
ids = {who(one.get_token(SCOPE).token) for one in (by_secret, by_certificate, by_chain)}
tell(client="azure-identity", same=len(ids) == 1)

refused = ClientSecretCredential(TENANT, CLIENT, "not-the-secret-at-all", **common)
try:
    refused.get_token(SCOPE)
    tell(client="azure-identity", refused=False)
except Exception as error:
    tell(client="azure-identity", refused="AADSTS7000215" in str(error))

application = msal.ConfidentialClientApplication(
    CLIENT, client_credential=SECRET, authority=f"{AUTHORITY}/{TENANT}", instance_discovery=False
)
token = application.acquire_token_for_client([SCOPE])
tell(client="msal", application=who(token["access_token"]) in ids)

public = msal.PublicClientApplication(
    "harbour-tool", authority=f"{AUTHORITY}/{TENANT}", instance_discovery=False
)
scopes = [f"{ENVIRONMENT}/user_impersonation"]
flow = public.initiate_device_flow(scopes)
flow["interval"] = 1
tell(user_code=flow["user_code"], uri=flow["verification_uri"])
# The server counts its own pause of five seconds: asked too early, it says so and nothing is lost.
person = public.acquire_token_by_device_flow(flow)
if "access_token" not in person:
    tell(client="msal", failed=person)
    sys.exit(1)
account = public.get_accounts()[0]
silent = public.acquire_token_silent(scopes, account, force_refresh=True)
tell(
    client="msal",
    person=account["username"],
    refreshed=silent["access_token"] != person["access_token"],
    same=who(silent["access_token"]) == who(person["access_token"]),
)

dataverse = DataverseClient(ENVIRONMENT, by_secret)
records = dataverse.records
publisher = records.create(
    "publisher",
    {
        "uniquename": "quay",
        "friendlyname": "Quay",
        "customizationprefix": "quay",
        "customizationoptionvalueprefix": 10000,
    },
)
records.update("publisher", publisher, {"friendlyname": "Quay at sea"})
read = records.retrieve("publisher", publisher, select=["friendlyname"])
names = [one["uniquename"] for one in records.list("publisher", select=["uniquename"])]
for number in range(3):
    records.create(
        "connectionreference",
        {
            "connectionreferencelogicalname": f"quay_Mail{number}",
            "connectionreferencedisplayname": "Mail",
            "connectorid": "/providers/Microsoft.PowerApps/apis/shared_office365",
        },
    )
records.upsert(
    "connectionreference",
    [
        {
            "alternate_key": {"connectionreferencelogicalname": "quay_Mail0"},
            "record": {"connectionreferencedisplayname": "Post"},
        }
    ],
)
pages = [
    [row["connectionreferencedisplayname"] for row in page]
    for page in records.list_pages("connectionreference", filter="startswith(connectionreferencelogicalname,'quay_')", orderby=["connectionreferencelogicalname"], page_size=2)
]
records.delete("publisher", publisher)
tell(
    client="PowerPlatform-Dataverse-Client",
    updated=read["friendlyname"],
    listed="quay" in names,
    pages=pages,
    gone=records.retrieve("publisher", publisher) is None,
)
