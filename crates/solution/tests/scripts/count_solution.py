"""Counts what solutions hold, with nothing but the standard library.

One line per path: unique name, cloud flows (category 5), connection references, environment
variables, custom connectors. Written for this project, apart from the crate it checks.
"""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree
import zipfile


def files_of(path):
    path = pathlib.Path(path)
    if path.is_file():
        with zipfile.ZipFile(path) as archive:
            return {name.lower(): archive.read(name) for name in archive.namelist()}
    return {
        str(p.relative_to(path)).lower(): p.read_bytes() for p in path.rglob("*") if p.is_file()
    }


def root_of(data):
    return ElementTree.fromstring(data)


def count(path):
    files = files_of(path)
    plain = "solution.xml" in files
    solution = root_of(files["solution.xml" if plain else "other/solution.xml"])
    main = root_of(files["customizations.xml" if plain else "other/customizations.xml"])
    workflows = main.findall("./Workflows/Workflow")
    connectors = main.findall("./Connectors/Connector")
    if not plain:
        for name, data in files.items():
            if name.startswith("workflows/") and name.endswith(".data.xml"):
                workflows.append(root_of(data))
            if name.startswith("connectors/") and name.endswith(".xml"):
                connectors.append(root_of(data))
    variables = [
        name
        for name in files
        if name.startswith("environmentvariabledefinitions/")
        and name.endswith("/environmentvariabledefinition.xml")
    ]
    flows = [w for w in workflows if (w.findtext("Category") or "").strip() == "5"]
    references = main.findall("./connectionreferences/connectionreference")
    name = solution.findtext("./SolutionManifest/UniqueName").strip()
    return name, len(flows), len(references), len(variables), len(connectors)


for argument in sys.argv[1:]:
    print(*count(argument))
