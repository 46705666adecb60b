"""Frames that others published: what real cars and chargers send is read, and written alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pki.exi import Document, decode, encode
from pki.exi.signature import elements_by_id, signed_info_input
from pki.exi.values import TableHit

FRAMES = [
    line.split()
    for line in (Path(__file__).parent / "captured_frames.txt").read_text().splitlines()
    if not line.startswith("#")
]
CANONICAL_EXI = "http://www.w3.org/TR/canonical-exi/"


def of(message: str) -> list[Document]:
    return [decode(bytes.fromhex(h), table) for table, name, h in FRAMES if name == message]


def signed(message: str) -> list[tuple[Document, dict[str, Any]]]:
    """With the values of SignedInfo."""
    return [
        (each, each.value["Header"]["Signature"]["SignedInfo"])
        for each in of(message)
        if "Signature" in each.value["Header"]
    ]


def transform(signed_info: dict[str, Any]) -> str:
    """The algorithm of the first Transform; libcbv2g's example has none."""
    transforms = signed_info["Reference"][0].get("Transforms") or {"Transform": [{}]}
    algorithm: str = transforms["Transform"][0].get("@Algorithm", "")
    return algorithm


def indexed(message: str) -> tuple[Document, dict[str, Any]]:
    """The one with an index into the string table, as EXIficient with its defaults writes it."""
    (found,) = (each for each in signed(message) if isinstance(transform(each[1]), TableHit))
    return found


@pytest.mark.golden
@pytest.mark.parametrize(("table", "message", "exi"), FRAMES)
def test_every_frame_survives(table: str, message: str, exi: str) -> None:
    document = decode(bytes.fromhex(exi), table)
    name = next(iter(document.value["Body"])) if document.name == "V2G_Message" else document.name
    assert name == message
    assert encode(document, table).hex() == exi


@pytest.mark.golden
def test_a_teslas_second_protocol() -> None:
    offers = [each.value["AppProtocol"] for each in of("supportedAppProtocolReq")]
    tesla = {
        "ProtocolNamespace": "urn:tesla:din:2018:MsgDef",
        "VersionNumberMajor": 0,
        "VersionNumberMinor": 7,
        "SchemaID": 2,
        "Priority": 1,
    }
    assert tesla in [each for offer in offers for each in offer]


@pytest.mark.golden
def test_a_car_that_sends_an_octet_too_many() -> None:
    tails = {each.tail for each in of("ContractAuthenticationReq")}
    assert tails == {b"", b"\0\0"}


@pytest.mark.golden
@pytest.mark.parametrize("message", ["AuthorizationReq", "MeteringReceiptReq"])
def test_an_index_into_the_string_table(message: str) -> None:
    """EXIficient with its defaults writes the Transform's algorithm so, its second occurrence."""
    document, signed_info = indexed(message)
    assert transform(signed_info) == CANONICAL_EXI
    with_index = encode(document, "iso15118_2")
    transform_in_full = {"Transform": [{"@Algorithm": CANONICAL_EXI}]}
    signed_info["Reference"][0]["Transforms"] = transform_in_full
    assert len(encode(document, "iso15118_2")) - len(with_index) == len(CANONICAL_EXI)


@pytest.mark.golden
def test_what_was_signed_may_have_the_index_too() -> None:
    _, signed_info = indexed("AuthorizationReq")
    in_full, with_index = (signed_info_input(signed_info, hits=hits) for hits in (False, True))
    assert len(in_full) - len(with_index) == len(CANONICAL_EXI)


@pytest.mark.golden
def test_a_reference_with_the_id_of_what_it_refers_to() -> None:
    """RISE-V2G; only one element of the message has that Id."""
    repeated = [
        document
        for document, signed_info in signed("ChargeParameterDiscoveryRes")
        if "@Id" in signed_info["Reference"][0]
    ]
    for document in repeated:
        found = elements_by_id(document, "iso15118_2")
        assert [each.name for each in found.values()] == ["SalesTariff"]
    assert len(repeated) == 1
