"""Makes the packages that are imported: `packages.py FOLDER CONNECTION… ` writes 50.zip, 500.zip and
5000.zip, named by their flows, each with 100 connection references, and settings.json, which binds
every reference to the connection of its connector (`shared_office365=ID`).

Every flow uses two references and differs from the others; every fifth calls the one before it.
"""
import json
import os
import sys
import uuid
import zipfile

REFERENCES = 100
APIS = ["shared_office365", "shared_commondataserviceforapps"]
PATH = "/providers/Microsoft.PowerApps/apis/"


def manifest(ids):
    roots = "".join(f'<RootComponent type="29" id="{{{ident}}}" behavior="0" />' for ident in ids)
    return (
        '<?xml version="1.0" encoding="utf-8"?><ImportExportXml version="9.2" languagecode="1033">'
        f"<SolutionManifest><UniqueName>Made{len(ids)}</UniqueName><LocalizedNames>"
        f'<LocalizedName description="Made {len(ids)}" languagecode="1033" /></LocalizedNames><Descriptions />'
        "<Version>1.0.0.0</Version><Managed>0</Managed><Publisher><UniqueName>harbour</UniqueName>"
        "<CustomizationPrefix>hbr</CustomizationPrefix></Publisher>"
        f"<RootComponents>{roots}</RootComponents><MissingDependencies />"
        "</SolutionManifest></ImportExportXml>"
    )


def reference(number):
    return (
        f'    <connectionreference connectionreferencelogicalname="hbr_Reference{number}">\n'
        f"      <connectionreferencedisplayname>Reference {number}</connectionreferencedisplayname>\n"
        f"      <connectorid>{PATH}{APIS[number % 2]}</connectorid>\n"
        "      <iscustomizable>1</iscustomizable>\n      <statecode>0</statecode>\n"
        "      <statuscode>1</statuscode>\n    </connectionreference>\n"
    )


def file_name(number, ident):
    return f"Workflows/Flow{number}-{ident.upper()}.json"


def workflow(number, ident):
    return (
        f'    <Workflow WorkflowId="{{{ident}}}" Name="Flow {number}">\n'
        f"      <JsonFileName>/{file_name(number, ident)}</JsonFileName>\n"
        "      <Type>1</Type>\n      <Category>5</Category>\n      <StateCode>1</StateCode>\n"
        "      <StatusCode>2</StatusCode>\n      <PrimaryEntity>none</PrimaryEntity>\n    </Workflow>\n"
    )


def call(api, number, step):
    return {
        "type": "OpenApiConnection",
        "runAfter": {} if step == 0 else {f"Step_{step - 1}": ["Succeeded"]},
        "inputs": {
            "host": {"connectionName": api, "operationId": "SendEmailV2", "apiId": PATH + api},
            "parameters": {"emailMessage/To": f"crew{number}@harbour.test", "emailMessage/Subject": f"@concat('Notice {number}.{step} of ', utcNow())"},
            "authentication": "@parameters('$authentication')",
        },
    }


def body(number, ids):
    used = {APIS[n % 2]: n % REFERENCES for n in (number, number + 1)}
    actions = {f"Step_{step}": call(APIS[step % 2], number, step) for step in range(3 + number % 3)}
    if number % 5 == 4:
        actions["Child"] = {"type": "Workflow", "runAfter": {}, "inputs": {"host": {"workflowReferenceName": ids[number - 1]}}}
    entries = {
        api: {"runtimeSource": "embedded", "connection": {"connectionReferenceLogicalName": f"hbr_Reference{at}"}, "api": {"name": api}}
        for api, at in used.items()
    }
    trigger = {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {"type": "object", "properties": {}}}}}
    definition = {
        "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"$connections": {"defaultValue": {}, "type": "Object"}, "$authentication": {"defaultValue": {}, "type": "SecureObject"}},
        "triggers": trigger,
        "actions": actions,
    }
    return json.dumps({"properties": {"connectionReferences": entries, "definition": definition}, "schemaVersion": "1.0.0.0"})


def package(path, flows):
    ids = [str(uuid.uuid5(uuid.NAMESPACE_OID, f"flow {number}")) for number in range(flows)]
    customizations = (
        "<ImportExportXml>\n  <Workflows>\n"
        + "".join(workflow(number, ident) for number, ident in enumerate(ids))
        + "  </Workflows>\n  <connectionreferences>\n"
        + "".join(reference(number) for number in range(REFERENCES))
        + "  </connectionreferences>\n</ImportExportXml>\n"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", '<?xml version="1.0" encoding="utf-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types" />')
        file.writestr("solution.xml", manifest(ids))
        file.writestr("customizations.xml", customizations)
        for number, ident in enumerate(ids):
            file.writestr(file_name(number, ident), body(number, ids))


def main():
    folder, bound = sys.argv[1], dict(word.split("=") for word in sys.argv[2:])
    for flows in (50, 500, 5000):
        package(os.path.join(folder, f"{flows}.zip"), flows)
    entries = [
        {"LogicalName": f"hbr_Reference{n}", "ConnectionId": bound[APIS[n % 2]], "ConnectorId": PATH + APIS[n % 2]}
        for n in range(REFERENCES)
    ]
    with open(os.path.join(folder, "settings.json"), "w", encoding="utf-8") as file:
        json.dump({"EnvironmentVariables": [], "ConnectionReferences": entries}, file)


main()
