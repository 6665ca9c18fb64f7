"""A client of another make for tables, unchanged: it reads what a table can do from its metadata before it works.
Writes one line of JSON.
"""
import json
import os

import requests
from azure.identity import ClientSecretCredential
from dataverse_api.dataverse import DataverseClient

ENVIRONMENT = os.environ["ENVIRONMENT"]
NAME = "connectionreferencelogicalname"
credential = ClientSecretCredential(
    os.environ["TENANT"],
    os.environ["CLIENT_ID"],
    os.environ["CLIENT_SECRET"],
    authority=os.environ["AUTHORITY"],
    disable_instance_discovery=True,
)
session = requests.Session()
session.headers.update(
    {
        "Authorization": f"Bearer {credential.get_token(f'{ENVIRONMENT}/.default').token}",
        "Accept": "application/json",
        "OData-Version": "4.0",
        "OData-MaxVersion": "4.0",
        "Content-Type": "application/json; charset=utf-8",
    }
)
client = DataverseClient(session=session, environment_url=ENVIRONMENT)
references = client.entity("connectionreference")


def row(name):
    api = "/providers/Microsoft.PowerApps/apis/shared_office365"
    return {NAME: name, "connectionreferencedisplayname": name, "connectorid": api}


def rows(*columns):
    found = references.read(
        select=[NAME, *columns], filter=f"startswith({NAME},'mole_')", order_by=NAME, page_size=2
    )
    return [[one[column] for column in (NAME, *columns)] for one in found]


single = references.create([row("mole_a")], return_created=True)[0].json()["description"]
references.create([row("mole_b"), row("mole_c")], mode="multiple")
references.create([row("mole_d"), row("mole_e")], mode="batch")
made = rows()
ids = [one["connectionreferenceid"] for one in references.read(filter=f"startswith({NAME},'mole_')", order_by=NAME)]
references.upsert([{"connectionreferenceid": ids[0], "description": "by id"}])
references.upsert(
    [{NAME: name, "description": "by key"} for name in ("mole_b", "mole_c")],
    mode="batch",
    altkey_name="ConnectionReferenceLogicalNameKey",
)
references.delete_columns(["description"], ids=ids[2:3])
changed = rows("description")
references.delete(ids=ids[:2], mode="batch")
references.delete(filter=f"{NAME} eq 'mole_e'")
print(
    json.dumps(
        {
            "table": [references.entity_set_name, references.primary_id_attr],
            "keys": references.alternate_keys,
            "several": [references.supports_create_multiple, references.supports_update_multiple],
            "lookup": "ownerid" in references.relationships.single_valued,
            "single": single,
            "made": made,
            "changed": changed,
            "left": rows(),
            "languages": client.get_language_codes(),
        }
    )
)
