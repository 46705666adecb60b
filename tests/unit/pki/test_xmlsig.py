"""Signatures of ISO 15118 messages; a signature made by another implementation is among them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from pki.errors import RequestError
from pki.exi import Document, decode, encode
from pki.exi.signature import signed_info_input
from pki.exi.values import TableHit
from pki.keys import generate
from pki.profiles import KeyKind
from pki.xmlsig import SignatureRejectedError, check, sign
from tests.golden.exi import test_certificate_installation as known
from tests.unit.pki.support import seeded

DEF = "urn:iso:15118:2:2013:MsgDef"
CM = "urn:iso:std:iso:15118:-20:CommonMessages"
SIGNED = frozenset(known.SIGNED)


def _authorization(challenge: bytes = b"c" * 16) -> Document:
    body = {"AuthorizationReq": {"@Id": "id1", "GenChallenge": challenge}}
    return Document(DEF, "V2G_Message", {"Header": {"SessionID": b"\1" * 8}, "Body": body})


def _authorization_20() -> Document:
    chain = {"Certificate": b"x", "SubCertificates": {"Certificate": [b"y"]}}
    mode = {"@Id": "id1", "GenChallenge": b"c" * 16, "ContractCertificateChain": chain}
    value = {
        "Header": {"SessionID": b"\1" * 8, "TimeStamp": 1},
        "SelectedAuthorizationService": "PnC",
        "PnC_AReqAuthorizationMode": mode,
    }
    return Document(CM, "AuthorizationReq", value)


CASES = [
    (KeyKind.P256, _authorization(), "iso15118_2", "AuthorizationReq", 64),
    (KeyKind.P521, _authorization_20(), "iso15118_20_common_messages", "PnC_AReqAuthorizationMode", 132),
    (KeyKind.ED448, _authorization_20(), "iso15118_20_common_messages", "PnC_AReqAuthorizationMode", 114),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "message", "schema", "element", "octets"), CASES)
def test_round_trip_over_the_wire(
    kind: KeyKind, message: Document, schema: str, element: str, octets: int
) -> None:
    key = generate(kind, seeded())
    received = decode(encode(sign(message, schema, key), schema), schema)
    value = received.value["Header"]["Signature"]["SignatureValue"]["#text"]
    assert len(value) == octets
    check(received, schema, key.public_key(), frozenset({element}))
    other = generate(kind, seeded(2)).public_key()
    with pytest.raises(SignatureRejectedError, match="not by this key"):
        check(received, schema, other, frozenset({element}))
    with pytest.raises(SignatureRejectedError, match="not signed: SessionStopReq"):
        check(received, schema, key.public_key(), frozenset({element, "SessionStopReq"}))


@pytest.mark.golden
def test_a_signature_of_rise_v2g() -> None:
    """The published CertificateInstallationRes, checked with the key that its README names."""
    value = known._value(known._message(0))
    message = Document(DEF, "V2G_Message", value)
    key = known._cps_key()
    check(message, "iso15118_2", key, SIGNED)
    body = value["Body"]["CertificateInstallationRes"]
    body["eMAID"] = {**body["eMAID"], "#text": "DEABCC123ABC57"}
    with pytest.raises(SignatureRejectedError, match="digest"):
        check(Document(DEF, "V2G_Message", value), "iso15118_2", key, SIGNED)


def test_the_signature_of_another_message_does_not_fit() -> None:
    key = generate(KeyKind.P256, seeded())
    signed = sign(_authorization(), "iso15118_2", key)
    other = _authorization(b"d" * 16)
    replayed = Document(DEF, "V2G_Message", {**other.value, "Header": signed.value["Header"]})
    with pytest.raises(SignatureRejectedError, match="digest of #id1"):
        check(replayed, "iso15118_2", key.public_key(), frozenset({"AuthorizationReq"}))


@pytest.mark.parametrize(
    ("part", "value", "word"),
    [
        (
            "SignatureMethod",
            {"@Algorithm": "http://www.w3.org/2000/09/xmldsig#hmac-sha1"},
            "method",
        ),
        ("Reference", [], "not signed"),
        ("Reference", [{}], "cannot be read"),
    ],
)
def test_other_methods_and_references_are_refused(part: str, value: object, word: str) -> None:
    key = generate(KeyKind.P256, seeded())
    signed = sign(_authorization(), "iso15118_2", key)
    signature = signed.value["Header"]["Signature"]
    signature["SignedInfo"][part] = value
    with pytest.raises(SignatureRejectedError, match=word):
        check(signed, "iso15118_2", key.public_key(), frozenset({"AuthorizationReq"}))


def test_a_reference_to_nothing_and_too_many_are_refused() -> None:
    key = generate(KeyKind.P256, seeded())
    signed = sign(_authorization(), "iso15118_2", key)
    info = signed.value["Header"]["Signature"]["SignedInfo"]
    reference = info["Reference"][0]
    info["Reference"] = [reference | {"@URI": "#id9"}]
    with pytest.raises(SignatureRejectedError, match="id9"):
        check(signed, "iso15118_2", key.public_key(), frozenset())
    info["Reference"] = [reference] * 5
    with pytest.raises(SignatureRejectedError, match="at most 4"):
        check(signed, "iso15118_2", key.public_key(), frozenset())


def test_what_cannot_be_signed() -> None:
    value = {
        "Header": {"SessionID": b"\1" * 8},
        "Body": {"SessionStopReq": {"ChargingSession": "Terminate"}},
    }
    bare = Document(DEF, "V2G_Message", value)
    with pytest.raises(RequestError, match="nothing to sign"):
        sign(bare, "iso15118_2", generate(KeyKind.P256, seeded()))
    with pytest.raises(RequestError, match="P-256, P-521 or Ed448"):
        sign(_authorization(), "iso15118_2", ec.generate_private_key(ec.SECP384R1()))


def test_a_peer_that_codes_its_signature_with_the_string_table() -> None:
    """EXIficient with its defaults: the second canonicalisation URI is an index, and so it is in
    what was signed."""
    key = generate(KeyKind.P256, seeded())
    message = sign(_authorization(), "iso15118_2", key)
    signature = message.value["Header"]["Signature"]
    signed_info = signature["SignedInfo"]
    transform = signed_info["Reference"][0]["Transforms"]["Transform"][0]
    plain = encode(message, "iso15118_2")
    transform["@Algorithm"] = TableHit.of(transform["@Algorithm"], 0, local=True)
    octets = signed_info_input(signed_info, hits=True)
    r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256())))
    signature["SignatureValue"] = {"#text": r.to_bytes(32) + s.to_bytes(32)}
    exi = encode(message, "iso15118_2")
    assert len(plain) - len(exi) == len("http://www.w3.org/TR/canonical-exi/")
    received = decode(exi, "iso15118_2")
    assert check(received, "iso15118_2", key.public_key(), frozenset({"AuthorizationReq"})) == {
        "id1"
    }
    with pytest.raises(SignatureRejectedError, match="not by this key"):
        check(received, "iso15118_2", generate(KeyKind.P256, seeded(2)).public_key(), frozenset())


def test_a_reference_may_have_an_id_of_its_own() -> None:
    """RISE-V2G gives it the Id of what it refers to; nothing else may be signed in its place."""
    key = generate(KeyKind.P256, seeded())
    message = sign(_authorization(), "iso15118_2", key)
    signed_info = message.value["Header"]["Signature"]["SignedInfo"]
    signed_info["Reference"][0]["@Id"] = "id1"
    octets = signed_info_input(signed_info)
    r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256())))
    message.value["Header"]["Signature"]["SignatureValue"] = {
        "#text": r.to_bytes(32) + s.to_bytes(32)
    }
    assert check(message, "iso15118_2", key.public_key(), frozenset({"AuthorizationReq"}))
    message.value["Body"]["AuthorizationReq"]["GenChallenge"] = b"d" * 16
    with pytest.raises(SignatureRejectedError, match="digest of #id1 differs"):
        check(message, "iso15118_2", key.public_key(), frozenset({"AuthorizationReq"}))
