"""The rival: reads the connection references of every zip below the given paths, and nothing else."""
import os
import sys
import zipfile

from lxml import etree


def zips(path):
    if os.path.isfile(path):
        yield path
        return
    for folder, _, names in os.walk(path):
        for name in names:
            if name.lower().endswith(".zip"):
                yield os.path.join(folder, name)


def references(path):
    with zipfile.ZipFile(path) as archive:
        root = etree.fromstring(archive.read("customizations.xml"))
    for node in root.iterfind("connectionreferences/connectionreference"):
        yield node.get("connectionreferencelogicalname"), node.findtext("connectorid")


def main():
    count = 0
    for argument in sys.argv[1:]:
        for path in zips(argument):
            for name, connector in references(path):
                print(path, name, connector)
                count += 1
    print(count, file=sys.stderr)


if __name__ == "__main__":
    main()
