from __future__ import annotations

from pathlib import Path

import pytest

from pki.exi import ExiSchemaError
from pki.exi.import_xsd import TABLES, import_directory, main
from pki.exi.model import ComplexType, SimpleType
from pki.exi.tables import load_table, parse_table
from tests.interop.exi.reference import xsd_directory

SHIPPED = Path(__file__).parents[3] / "pki/exi/tables"

XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:iso:15118:2:2010:AppProtocol"
 targetNamespace="urn:iso:15118:2:2010:AppProtocol">
 <xs:element name="root"><xs:complexType><xs:sequence>
  <xs:element name="item" type="itemType" minOccurs="0" maxOccurs="3"/>
 </xs:sequence><xs:attribute name="Id" type="xs:ID"/></xs:complexType></xs:element>
 <xs:simpleType name="itemType"><xs:restriction base="xs:byte">{facet}</xs:restriction></xs:simpleType>
</xs:schema>"""


def test_every_table_loads_and_has_its_counts() -> None:
    shipped = {path.stem for path in SHIPPED.glob("*.txt")}
    assert shipped == set(TABLES)
    counts = {name: load_table(name) for name in shipped}
    assert len(counts["iso15118_2"].elements) == 80
    assert len(counts["iso15118_2"].namespaces) == 5
    complex_types = [t for t in counts["iso15118_2"].types.values() if isinstance(t, ComplexType)]
    assert len(complex_types) > 100


def test_the_importer_rebuilds_the_shipped_tables() -> None:
    texts = import_directory(xsd_directory())
    assert {"iso15118_2", "din_70121", "iso15118_20_common_messages", "xmldsig"} <= set(texts)
    for table, text in texts.items():
        assert text == (SHIPPED / f"{table}.txt").read_text("utf-8"), table


def test_the_importer_reads_a_user_s_file(tmp_path: Path) -> None:
    (tmp_path / "any.xsd").write_text(XSD.format(facet='<xs:minInclusive value="3"/>'), "utf-8")
    assert main([str(tmp_path), "--output", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out/app_protocol.txt").read_text("utf-8")
    assert text.splitlines() == [
        "ns ap urn:iso:15118:2:2010:AppProtocol",
        "simple ap:itemType byte[3..]",
        "element ap:root = @Id=ID? (item=ap:itemType<0,3>)",
    ]
    components = parse_table(text)
    item = components.types["urn:iso:15118:2:2010:AppProtocol", "itemType"]
    assert isinstance(item, SimpleType)
    assert (item.minimum, item.maximum) == (3, None)


def test_the_importer_refuses_what_the_tables_cannot_state(tmp_path: Path) -> None:
    (tmp_path / "any.xsd").write_text(XSD.format(facet='<xs:pattern value="[0-9]"/>'), "utf-8")
    with pytest.raises(ExiSchemaError, match="facet pattern is not supported"):
        import_directory(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "nonsense a:b string",
        "type a:b (a:c=string",
        "type a:b (a:c=string) more",
        "simple b:c string",
        "element a:b string",
    ],
)
def test_a_broken_table_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(ExiSchemaError, match=r"line 2: "):
        parse_table(f"ns a urn:a\n{line}\n")


def test_an_unknown_table_is_named() -> None:
    with pytest.raises(ExiSchemaError, match="no schema table 'iso15118_3'"):
        load_table("iso15118_3")
