"""Makes the packages that are measured: `packages.py FOLDER` writes 10k.zip, 1m.zip and 40m.zip.

10k.zip and 1m.zip have that many bytes; their flows differ from one another, as those of real
packages do. 40m.zip has a customizations.xml of 40 MiB: references, workflows and tables.
"""
import json
import os
import random
import sys
import uuid
import zipfile

NAMES = ["office365", "sharepointonline", "teams", "sql", "commondataserviceforapps", "planner"]


def manifest(name):
    return (
        '<?xml version="1.0" encoding="utf-8"?><ImportExportXml version="9.2" languagecode="1033">'
        f"<SolutionManifest><UniqueName>{name}</UniqueName><LocalizedNames>"
        f'<LocalizedName description="{name}" languagecode="1033" /></LocalizedNames><Descriptions />'
        "<Version>1.0.0.0</Version><Managed>0</Managed><Publisher><UniqueName>harbour</UniqueName>"
        "<CustomizationPrefix>hbr</CustomizationPrefix></Publisher><RootComponents /><MissingDependencies />"
        "</SolutionManifest></ImportExportXml>"
    )


def reference(number):
    api = NAMES[number % len(NAMES)]
    return (
        f'    <connectionreference connectionreferencelogicalname="hbr_Reference{number}">\n'
        f"      <connectionreferencedisplayname>Reference {number}</connectionreferencedisplayname>\n"
        f"      <connectorid>/providers/Microsoft.PowerApps/apis/shared_{api}</connectorid>\n"
        "      <iscustomizable>1</iscustomizable>\n      <statecode>0</statecode>\n"
        "      <statuscode>1</statuscode>\n    </connectionreference>\n"
    )


def workflow(number, ident):
    return (
        f'    <Workflow WorkflowId="{{{ident}}}" Name="Flow {number}">\n'
        f"      <JsonFileName>/Workflows/Flow{number}-{ident.upper()}.json</JsonFileName>\n"
        "      <Type>1</Type>\n      <Subprocess>0</Subprocess>\n      <Category>5</Category>\n"
        "      <Mode>0</Mode>\n      <Scope>4</Scope>\n      <StateCode>1</StateCode>\n"
        "      <StatusCode>2</StatusCode>\n      <PrimaryEntity>none</PrimaryEntity>\n    </Workflow>\n"
    )


def table(number):
    columns = "".join(
        f'      <attribute PhysicalName="hbr_Column{n}">\n        <Type>nvarchar</Type>\n'
        f"        <Name>hbr_column{n}</Name>\n        <RequiredLevel>none</RequiredLevel>\n"
        f"        <MaxLength>{100 + n}</MaxLength>\n      </attribute>\n"
        for n in range(20)
    )
    return f'    <Entity>\n      <Name LocalizedName="Table {number}">hbr_Table{number}</Name>\n{columns}    </Entity>\n'


def customizations(tables, workflows, references):
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<ImportExportXml>\n'
        f"  <Entities>\n{tables}  </Entities>\n  <Workflows>\n{workflows}  </Workflows>\n"
        f"  <connectionreferences>\n{references}  </connectionreferences>\n</ImportExportXml>\n"
    )


def flow(rng, number, actions):
    api = NAMES[number % len(NAMES)]
    made, before = {}, {}
    for n in range(actions):
        name = f"Step_{n}_{rng.getrandbits(32):08x}"
        host = {"apiId": f"/providers/Microsoft.PowerApps/apis/shared_{api}",
                "connectionName": f"shared_{api}", "operationId": f"Operation{rng.randrange(40)}"}
        text = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(120))
        made[name] = {
            "runAfter": before, "type": "OpenApiConnection",
            "metadata": {"operationMetadataId": str(uuid.UUID(int=rng.getrandbits(128)))},
            "inputs": {"host": host, "parameters": {"body/Text": text, "to": "@triggerBody()?['to']"},
                       "authentication": "@parameters('$authentication')"},
        }
        before = {name: ["Succeeded"]}
    entry = {"runtimeSource": "embedded", "api": {"name": f"shared_{api}"},
             "connection": {"connectionReferenceLogicalName": f"hbr_Reference{number}"}}
    trigger = {"Every_day": {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}}}
    body = {"properties": {"connectionReferences": {f"shared_{api}": entry}, "definition": {
        "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
        "contentVersion": "1.0.0.0", "parameters": {}, "triggers": trigger, "actions": made}},
        "schemaVersion": "1.0.0.0"}
    return json.dumps(body, indent=2)


def write(path, name, xml, flows):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("solution.xml", manifest(name))
        archive.writestr("customizations.xml", xml)
        for part, text in flows:
            archive.writestr(part, text)


def sized(path, bytes_wanted):
    rng = random.Random(7)
    idents, flows = [], []
    actions = max(2, min(60, bytes_wanted // 400))
    while True:
        number = len(flows)
        ident = str(uuid.UUID(int=rng.getrandbits(128)))
        idents.append(ident)
        flows.append((f"Workflows/Flow{number}-{ident.upper()}.json", flow(rng, number, actions)))
        if len(flows) % 8 and bytes_wanted > 100_000:
            continue
        xml = customizations(
            table(0) * 1, "".join(workflow(n, i) for n, i in enumerate(idents)),
            "".join(reference(n) for n in range(len(idents))))
        write(path, "harbour", xml, flows)
        if os.path.getsize(path) >= bytes_wanted:
            return


def large(path):
    rng = random.Random(7)
    third = (40 << 20) // 3
    parts = []
    for make in (table, lambda n: workflow(n, str(uuid.UUID(int=rng.getrandbits(128)))), reference):
        made, size, number = [], 0, 0
        while size < third:
            made.append(make(number))
            size += len(made[-1])
            number += 1
        parts.append("".join(made))
    write(path, "large", customizations(*parts), [])


if __name__ == "__main__":
    target = sys.argv[1]
    os.makedirs(target, exist_ok=True)
    sized(os.path.join(target, "10k.zip"), 10_000)
    sized(os.path.join(target, "1m.zip"), 1 << 20)
    large(os.path.join(target, "40m.zip"))
