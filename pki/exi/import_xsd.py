"""Builds the schema tables from XSD files: `python -m pki.exi.import_xsd DIRECTORY [--output D]`.

The schema documents of the standards may not be redistributed, and the shipped tables hold only
the facts that the codec needs. Whoever has the documents (they are found under DIRECTORY by their
target namespaces) rebuilds the same tables from them, or tables of another edition.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pki.exi.model import (
    ComplexType,
    Components,
    ElementParticle,
    GlobalElement,
    Group,
    Occurs,
    SimpleType,
    TypeRef,
)
from pki.exi.tables import dump_table
from pki.exi.values import XSD_NAMESPACE, QName
from pki.exi.xsd import XsdDocument, documents_by_namespace

TABLES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "app_protocol": ({"urn:iso:15118:2:2010:AppProtocol": "ap"}, ()),
    "xmldsig": ({"http://www.w3.org/2000/09/xmldsig#": "ds"}, ()),
    **{
        table: (
            {
                f"{base}:MsgDef": "def",
                f"{base}:MsgHeader": "header",
                f"{base}:MsgBody": "body",
                f"{base}:MsgDataTypes": "types",
            },
            ("xmldsig",),
        )
        for table, base in (
            ("din_70121", "urn:din:70121:2012"),
            ("iso15118_2", "urn:iso:15118:2:2013"),
        )
    },
    **{
        f"iso15118_20_{table}": ({f"urn:iso:std:iso:15118:-20:{tail}": prefix}, (imported,))
        for table, tail, prefix, imported in (
            ("common_types", "CommonTypes", "ct", "xmldsig"),
            ("common_messages", "CommonMessages", "cm", "iso15118_20_common_types"),
            ("ac", "AC", "ac", "iso15118_20_common_types"),
            ("dc", "DC", "dc", "iso15118_20_common_types"),
            ("wpt", "WPT", "wpt", "iso15118_20_common_types"),
            ("acdp", "ACDP", "acdp", "iso15118_20_common_types"),
            ("ac_der_iec", "AC-DER-IEC", "der", "iso15118_20_ac"),
            ("ac_der_sae", "AC-DER-SAE", "der", "iso15118_20_ac"),
        )
    },
}
"""Table -> (its namespaces with their prefixes, the tables it imports)."""


def import_directory(directory: Path) -> dict[str, str]:
    """Table name -> text, for every table whose schema documents lie under `directory`.

    Raises ExiSchemaError for a construct that the tables cannot state.
    """
    documents = documents_by_namespace(directory)
    prefixes = {uri: prefix for own, _ in TABLES.values() for uri, prefix in own.items()}
    texts: dict[str, str] = {}
    for table, (own, imports) in TABLES.items():
        if not all(uri in documents for uri in own):
            continue
        types: dict[QName, SimpleType | ComplexType] = {}
        elements: dict[QName, GlobalElement] = {}
        for uri in own:
            document = XsdDocument(documents[uri], documents)
            types |= document.types()
            elements |= document.elements()
        used = own | {u: prefixes[u] for u in _references(types, elements) if u not in own}
        texts[table] = dump_table(Components(frozenset(used), types, elements), used, imports)
    return texts


def _references(
    types: Mapping[QName, SimpleType | ComplexType], elements: Mapping[QName, GlobalElement]
) -> Iterator[str]:
    def of(ref: TypeRef | Occurs | None) -> Iterator[str]:
        if isinstance(ref, tuple):
            yield ref[0]
        elif isinstance(ref, ComplexType):
            for attribute in ref.attributes:
                yield attribute.name[0]
                yield from of(attribute.type)
            yield from of(ref.text)
            yield from of(ref.content)
        elif isinstance(ref, Occurs):
            if isinstance(ref.term, Group):
                for item in ref.term.items:
                    yield from of(item)
            elif isinstance(ref.term, ElementParticle):
                yield ref.term.name[0]
                yield from of(ref.term.type)

    every = [u for t in types.values() for u in of(t)]
    for element in elements.values():
        every += [*of(element.type), *([element.head[0]] if element.head else [])]
    for uri in dict.fromkeys(every):
        if uri not in {"", XSD_NAMESPACE}:
            yield uri


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pki.exi.import_xsd", description=__doc__)
    parser.add_argument("directory", type=Path, help="where the .xsd files are")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "tables")
    options = parser.parse_args(arguments)
    texts = import_directory(options.directory)
    if not texts:
        parser.error(f"no known schema document under {options.directory}")
    options.output.mkdir(parents=True, exist_ok=True)
    for table, text in texts.items():
        (options.output / f"{table}.txt").write_text(text, "utf-8")
        sys.stdout.write(f"{table}: {text.count(chr(10))} lines\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
