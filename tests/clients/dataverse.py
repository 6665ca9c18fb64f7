"""The vendor's client for tables, unchanged, at the work it is made for: several rows at once, batches, queries in
each language, metadata. Writes one line of JSON for each kind of work.
"""
import json
import os
import warnings

warnings.simplefilter("ignore")

from azure.identity import ClientSecretCredential
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models.filters import col

ENVIRONMENT = os.environ["ENVIRONMENT"]
API = "/providers/Microsoft.PowerApps/apis/shared_office365"
NOBODY = "00000000-0000-0000-0000-000000000009"
REFERENCE = "connectionreference"
NAME = "connectionreferencelogicalname"


def tell(**what):
    print(json.dumps(what), flush=True)


credential = ClientSecretCredential(
    os.environ["TENANT"],
    os.environ["CLIENT_ID"],
    os.environ["CLIENT_SECRET"],
    authority=os.environ["AUTHORITY"],
    disable_instance_discovery=True,
)
client = DataverseClient(ENVIRONMENT, credential)
records, tables = client.records, client.tables


def reference(name):
    return {NAME: name, "connectionreferencedisplayname": name, "connectorid": API}


def publisher(name):
    return {
        "uniquename": name,
        "friendlyname": name.upper(),
        "customizationprefix": "pier",
        "customizationoptionvalueprefix": 10000,
    }


def descriptions():
    rows = records.list(REFERENCE, select=[NAME, "description"], filter=f"startswith({NAME},'pier_')", orderby=[NAME])
    return {row[NAME]: row["description"] for row in rows}


def refused(work):
    try:
        work()
        return None
    except HttpError as error:
        return [error.status_code, error.details.get("service_error_code")]


ids = records.create(REFERENCE, [reference(f"pier_{at}") for at in "abcd"])
records.update(REFERENCE, ids[:2], {"description": "both"})
records.update(REFERENCE, ids[1:3], [{"description": "second"}, {"description": "third"}])
key = {NAME: "pier_d"}
new = {NAME: "pier_e"}
body = {"connectionreferencedisplayname": "Pier", "connectorid": API, "description": "upserted"}
records.upsert(REFERENCE, [{"alternate_key": one, "record": body} for one in (key, new)])
twice = refused(lambda: records.create(REFERENCE, [reference("pier_z"), reference("pier_a")]))
tell(several=descriptions(), twice=twice)

batch = client.batch.new()
batch.records.create("publisher", publisher("pier1"))
batch.records.update(REFERENCE, ids[0], {"description": "in a batch"})
batch.records.retrieve(REFERENCE, ids[0], select=["description"])
batch.records.list(REFERENCE, select=[NAME], filter=f"startswith({NAME},'pier_')", orderby=[NAME], top=2)
batch.records.delete(REFERENCE, ids[3])
batch.records.retrieve(REFERENCE, NOBODY)
batch.query.sql(f"SELECT TOP 1 {NAME} FROM {REFERENCE} WHERE {NAME} LIKE 'pier_%' ORDER BY {NAME} DESC")
batch.tables.get("workflow")
with batch.changeset() as kept:
    made = kept.records.create("publisher", publisher("pier2"))
    kept.records.update("publisher", made, {"friendlyname": "Second pier"})
with batch.changeset() as undone:
    undone.records.create("publisher", publisher("pier3"))
    undone.records.delete("publisher", NOBODY)
parts = batch.execute(continue_on_error=True).responses
stopping = client.batch.new()
stopping.records.retrieve(REFERENCE, NOBODY)
stopping.records.delete(REFERENCE, ids[0])
piers = records.list("publisher", select=["uniquename", "friendlyname"], filter="startswith(uniquename,'pier')", orderby=["uniquename"])
tell(
    batch=[part.status_code for part in parts],
    read=parts[2].data["description"],
    listed=[row[NAME] for row in parts[3].data["value"]],
    code=parts[5].error_code,
    sql=[row[NAME] for row in parts[6].data["value"]],
    table=parts[7].data["value"][0]["EntitySetName"],
    publishers=[[row["uniquename"], row["friendlyname"]] for row in piers],
    stopped=refused(stopping.execute)[0],
    there="pier_a" in descriptions(),
)

sql = client.query.sql(
    "SELECT p.uniquename, COUNT(s.solutionid) AS solutions FROM publisher p "
    "LEFT JOIN solution s ON s.publisherid = p.publisherid "
    "WHERE p.uniquename IN ('harbour', 'pier1') GROUP BY p.uniquename ORDER BY p.uniquename"
)
xml = (
    f"<fetch count='2'><entity name='{REFERENCE}'><attribute name='{NAME}'/><filter>"
    f"<condition attribute='{NAME}' operator='begins-with' value='pier_'/></filter>"
    f"<order attribute='{NAME}'/></entity></fetch>"
)
pages = [[row[NAME] for row in page] for page in client.query.fetchxml(xml).execute_pages()]
built = (
    client.query.builder("solution")
    .select("uniquename")
    .where(col("uniquename") == "HarbourNotices")
    .expand("publisherid")
    .execute()
)
tell(
    sql=[[row["uniquename"], row["solutions"]] for row in sql],
    pages=pages,
    built=[[row["uniquename"], row["publisherid"]["uniquename"]] for row in built],
    refused=refused(lambda: client.query.sql("SELECT nosuch FROM publisher")),
)

table = tables.get(REFERENCE)
columns = {one["LogicalName"]: one["AttributeType"] for one in tables.list_columns("workflow")}
typed = tables.get_column("workflow", "category", typed=True)
tell(
    table=[table.logical_name, table.entity_set_name, table.primary_id_attribute, bool(table.metadata_id)],
    none=[tables.get("nosuch"), tables.get_column("workflow", "nosuch")],
    listed=REFERENCE in [one["LogicalName"] for one in tables.list(select=["LogicalName"])],
    columns=[columns[name] for name in ("workflowid", "name", "statecode", "ownerid")],
    choices=[one["LogicalName"] for one in tables.list_columns("connectionreference", filter="AttributeType eq 'Picklist'")],
    typed=[typed["@odata.type"], typed["AttributeType"]],
    keys=[key.key_attributes for key in tables.get_alternate_keys(REFERENCE)],
    relationship=[
        one["ReferencingEntity"]
        for one in tables.list_table_relationships("publisher")
        if one["SchemaName"] == "publisher_solution"
    ],
    expands=[
        one["nav_property"] for one in client.query.odata_expands("solution") if one["target_table"] == "publisher"
    ],
    sql_columns=[one["name"] for one in client.query.sql_columns("publisher")][:2],
    created=refused(lambda: tables.create("pier_Ship", {"pier_Length": "int"})),
    added=refused(lambda: tables.add_columns("workflow", {"pier_Length": "int"})),
)

job = records.delete(REFERENCE, ids[:2])
ended = records.retrieve("asyncoperation", job, select=["statuscode", "message"], include_annotations="*")
tell(
    job=[ended["statuscode"], ended["statuscode@OData.Community.Display.V1.FormattedValue"], ended["message"]],
    left=sorted(descriptions()),
)
