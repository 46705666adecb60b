"""Known-answer test of a signed CertificateInstallationRes (RISE-V2G): ../shared/data/exi."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from pki.exi import Document, Typed, Untyped, decode_fragment, encode, encode_fragment
from pki.exi.signature import elements_by_id, reference_input, signed_info_input
from pki.exi.values import ANY_TYPE
from tests.golden.exi.data import exi_data

DEF = "urn:iso:15118:2:2013:MsgDef"
BODY = "urn:iso:15118:2:2013:MsgBody"
TYPES = "urn:iso:15118:2:2013:MsgDataTypes"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
SIGNED = (
    "ContractSignatureCertChain",
    "ContractSignatureEncryptedPrivateKey",
    "DHpublickey",
    "eMAID",
)
BINARY = {
    "Certificate",
    "ContractSignatureEncryptedPrivateKey",
    "DHpublickey",
    "DigestValue",
    "SignatureValue",
}
FOLDER = "certificate-installation-kat"


def _known() -> list[dict[str, tuple[bytes, str]]]:
    """Per namespace variant: element -> (EXI, digest in hex); "SignedInfo" without a digest."""
    variants: list[dict[str, tuple[bytes, str]]] = [{}, {}]
    variant, heading = 0, ""
    lines = exi_data(FOLDER).joinpath("README.md").read_text("utf-8").splitlines()
    exi = b""
    for previous, line in itertools.pairwise(lines):
        if line.startswith("## ") and "INCORRECT" in line:
            variant = 1
        if line.startswith("#"):
            heading = "SignedInfo" if "SIGNATURE GENERATION" in line else line.lstrip("# ")
        if previous == "EXI:":
            exi = bytes.fromhex(line)
            variants[variant][heading] = (exi, "")
        if previous == "SHA-256:":
            variants[variant][heading] = (exi, line.lower())
    return variants


def _message(variant: int) -> ET.Element:
    name = ("MsgBody-namespace", "empty-namespace")[variant]
    path = exi_data(FOLDER) / f"CertificateInstallationRes-{name}.xml"
    return ET.fromstring(path.read_text("utf-8"))


def _value(element: ET.Element) -> Any:
    """The message's XML as the codec's value, made here by the names of its elements."""
    local = element.tag.rpartition("}")[2]
    attributes = {"@" + k.rpartition("}")[2]: v for k, v in element.attrib.items()}
    if len(element):
        value: dict[str, Any] = dict(attributes)
        for child in element:
            key = child.tag.rpartition("}")[2]
            repeated = key in {"Reference", "Transform"} or local == "SubCertificates"
            if repeated:
                value.setdefault(key, []).append(_value(child))
            else:
                value[key] = _value(child)
        return value
    text: Any = element.text or ""
    if local in BINARY:
        text = base64.b64decode(text)
    if local == "SessionID":
        text = bytes.fromhex(text)
    if attributes or local == "SignatureValue":
        return attributes | ({"#text": text} if element.text else {})
    return text


def _untyped(element: ET.Element, namespace: str) -> Document:
    """An element as EXI of no declared type, for the wrong namespace."""
    attributes = tuple(
        ((key[1:].partition("}")[0], key.rpartition("}")[2]), text)
        for key, text in element.attrib.items()
    )
    content = tuple(_untyped(c, c.tag[1:].partition("}")[0]) for c in element) or (element.text,)
    local = element.tag.rpartition("}")[2]
    return Document(namespace, local, Typed(*ANY_TYPE, Untyped(attributes, content)))


def _signed_info(message: ET.Element) -> dict[str, Any]:
    signed_info: dict[str, Any] = _value(message.find(f".//{{{DSIG}}}SignedInfo"))
    return signed_info


@pytest.mark.golden
def test_fragments_and_digests_in_the_right_namespace() -> None:
    known = _known()[0]
    value = _value(_message(0))
    message = Document(DEF, "V2G_Message", value)
    elements = elements_by_id(message, "iso15118_2")
    assert sorted(e.name for e in elements.values()) == sorted(SIGNED)
    for identifier, element in elements.items():
        exi, digest = known[element.name]
        assert element.namespace == BODY
        assert encode_fragment(element, "iso15118_2") == exi
        assert reference_input(elements, "iso15118_2", f"#{identifier}") == exi
        assert hashlib.sha256(exi).hexdigest() == digest
        assert decode_fragment(exi, "iso15118_2") == element
    references = value["Header"]["Signature"]["SignedInfo"]["Reference"]
    for reference in references:
        octets = reference_input(elements, "iso15118_2", reference["@URI"])
        assert hashlib.sha256(octets).digest() == reference["DigestValue"]


@pytest.mark.golden
def test_fragments_and_digests_in_the_empty_namespace() -> None:
    known = _known()[1]
    message = _message(1)
    for name in SIGNED:
        exi, digest = known[name]
        element = message.find(f".//{{{BODY}}}{name}")
        assert element is not None
        document = _untyped(element, "")
        assert encode_fragment(document, "iso15118_2") == exi
        assert hashlib.sha256(exi).hexdigest() == digest
        assert decode_fragment(exi, "iso15118_2") == document


@pytest.mark.golden
@pytest.mark.parametrize("variant", [0, 1])
def test_signed_info_carries_a_valid_signature(variant: int) -> None:
    message = _message(variant)
    exi = signed_info_input(_signed_info(message))
    assert exi == _known()[variant]["SignedInfo"][0]
    element = message.find(f".//{{{DSIG}}}SignatureValue")
    assert element is not None
    raw = base64.b64decode(element.text or "")
    signature = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    _cps_key().verify(signature, exi, ec.ECDSA(hashes.SHA256()))


def _cps_key() -> ec.EllipticCurvePublicKey:
    """The public key that the README gives."""
    readme = exi_data(FOLDER).joinpath("README.md").read_text("utf-8")
    point = re.search(r"^(04[0-9A-F]{128})$", readme, re.MULTILINE)
    assert point is not None
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(point[1]))


@pytest.mark.golden
def test_whole_message_survives() -> None:
    document = Document(DEF, "V2G_Message", _value(_message(0)))
    exi = encode(document, "iso15118_2")
    assert len(exi) < 6000
    leaf = x509.load_pem_x509_certificate((exi_data(FOLDER) / "contractCert.pem").read_bytes())
    chain = document.value["Body"]["CertificateInstallationRes"]["ContractSignatureCertChain"]
    assert x509.load_der_x509_certificate(chain["Certificate"]) == leaf
