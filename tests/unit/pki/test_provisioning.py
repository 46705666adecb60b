from __future__ import annotations

import pytest
from cryptography import x509

from pki.errors import NotFoundError, RequestError
from pki.exi import Document, Typed, decode, encode
from pki.hierarchy import Config, in_memory
from pki.installation import ISO_2_NAMESPACE, read_request, read_response
from pki.issue import Pki
from pki.keys import generate
from pki.leaf import Credential
from pki.profiles import SUITES, Role, Suite
from pki.provisioning import (
    MAX_CONTRACTS,
    ProvisioningRefusedError,
    add_provisioning_certificate,
    add_root,
    answer_installation,
    delete_contract,
    generate_contract,
    own_evidence,
    provisioning_chain,
    roots,
)
from pki.revoke import revoke
from pki.verify import CertificateStatus, verify
from pki.xmlsig import SignatureRejectedError
from tests.unit.pki.support import (
    EMAID,
    NOW,
    PCID,
    FixedClock,
    clock_of,
    credential,
    ders,
    new_pki,
    root,
    seeded,
)
from tests.unit.pki.vehicle import (
    SESSION,
    install,
    installation_request,
    namespace,
    schema,
    update_request,
)

ISO_SUITES = [Suite.ISO_2, Suite.ISO_20, Suite.ISO_20_ED448]


def _vehicle(suite: Suite, *emaids: str) -> tuple[Pki, Credential]:
    pki = new_pki(suite)
    provisioning = credential(pki, suite, Role.OEM_PROVISIONING)
    assert add_provisioning_certificate(pki, ders(provisioning.issued.chain)) == PCID
    for emaid in emaids:
        generate_contract(pki, PCID, emaid, "Mobility")
    return pki, provisioning


@pytest.mark.parametrize("suite", ISO_SUITES)
def test_a_vehicle_gets_its_contract(suite: Suite) -> None:
    pki, own = _vehicle(suite, EMAID)
    request = installation_request(suite, own)
    [(emaid, exi)] = answer_installation(pki, request, namespace(suite))
    response, key = install(suite, exi, own.private_key)
    assert emaid == response.package.emaid == EMAID
    assert response.remaining == 0
    anchor = [root(pki, suite)]
    for chain, role in ((response.package.chain, Role.CONTRACT), (response.cps_chain, Role.CPS)):
        loaded = [x509.load_der_x509_certificate(each) for each in chain]
        verdict = verify(chain, role, anchor, own_evidence(pki, loaded), NOW)
        assert verdict.accepted, verdict.detail
    leaf = x509.load_der_x509_certificate(response.package.chain[0])
    assert leaf.public_key() == key.public_key()
    header = decode(exi, schema(suite)).value["Header"]
    assert header["SessionID"] == SESSION


@pytest.mark.parametrize(("urls", "limit"), [(True, 7500), (False, 5600)])
def test_the_response_fits_into_ocpp(urls: bool, limit: int) -> None:
    """exiResponse has 5,600 or 7,500 characters by edition of OCPP 2.0.1: addresses cost the most."""
    pki, own = _vehicle(Suite.ISO_2)
    if not urls:
        config = Config("Acme")
        pki = in_memory(config, suites=[Suite.ISO_2], clock=FixedClock(), random=seeded())
        own = credential(pki, Suite.ISO_2, Role.OEM_PROVISIONING)
        add_provisioning_certificate(pki, ders(own.issued.chain))
    generate_contract(pki, PCID, EMAID, "Mobility")
    [(_, exi)] = answer_installation(pki, installation_request(Suite.ISO_2, own), ISO_2_NAMESPACE)
    assert (len(exi) + 2) // 3 * 4 <= limit


def test_several_contracts_in_the_order_that_the_vehicle_prefers() -> None:
    emaids = ("DEACM000000001X", "DEACM000000002X", "DEACM000000003X")
    pki, own = _vehicle(Suite.ISO_20, *emaids)
    wanted = (emaids[2], emaids[1])
    request = installation_request(Suite.ISO_20, own, maximum=2, wanted=wanted)
    answers = answer_installation(pki, request, namespace(Suite.ISO_20))
    assert [emaid for emaid, _ in answers] == list(wanted)
    remaining = [install(Suite.ISO_20, exi, own.private_key)[0].remaining for _, exi in answers]
    assert remaining == [2, 1]


def test_an_update_renews_the_contract_for_its_own_key() -> None:
    pki = new_pki(Suite.ISO_2)
    old = credential(pki, Suite.ISO_2, Role.CONTRACT)
    clock_of(pki).move(days=300)
    [(emaid, exi)] = answer_installation(pki, update_request(old), ISO_2_NAMESPACE)
    response, key = install(Suite.ISO_2, exi, old.private_key)
    new = x509.load_der_x509_certificate(response.package.chain[0])
    assert emaid == EMAID
    assert new.subject == old.issued.certificate.subject
    assert new.not_valid_after_utc > old.issued.certificate.not_valid_after_utc
    assert key.public_key() != old.private_key.public_key()


@pytest.mark.parametrize("suite", ISO_SUITES)
def test_a_request_signed_by_another_key_is_refused(suite: Suite) -> None:
    pki, own = _vehicle(suite, EMAID)
    thief = generate(SUITES[suite].key_kind, seeded(9))
    request = installation_request(suite, own, key=thief)
    with pytest.raises(SignatureRejectedError, match="not by this key"):
        answer_installation(pki, request, namespace(suite))


@pytest.mark.parametrize("suite", ISO_SUITES)
def test_a_request_changed_after_signing_is_refused(suite: Suite) -> None:
    pki, own = _vehicle(suite, EMAID)
    message = decode(installation_request(suite, own), schema(suite))
    value = dict(message.value)
    inner = {"RootCertificateID": [{"X509IssuerName": "CN=evil", "X509SerialNumber": 1}]}
    if suite is Suite.ISO_2:
        body = value["Body"]["CertificateInstallationReq"] | {"ListOfRootCertificateIDs": inner}
        value["Body"] = {"CertificateInstallationReq": body}
    else:
        chain = dict(value["OEMProvisioningCertificateChain"])
        chain.pop("SubCertificates")
        value["OEMProvisioningCertificateChain"] = chain
    changed = encode(Document(message.namespace, message.name, value), schema(suite))
    with pytest.raises(SignatureRejectedError, match="digest of #id1 differs"):
        answer_installation(pki, changed, namespace(suite))


def test_an_unsigned_request_is_refused() -> None:
    pki, own = _vehicle(Suite.ISO_2, EMAID)
    message = decode(installation_request(Suite.ISO_2, own), "iso15118_2")
    value = message.value | {"Header": {"SessionID": SESSION}}
    bare = encode(Document(message.namespace, message.name, value), "iso15118_2")
    with pytest.raises(SignatureRejectedError, match="is not signed"):
        answer_installation(pki, bare, ISO_2_NAMESPACE)


def test_a_response_changed_on_its_way_is_refused_by_the_vehicle() -> None:
    pki, own = _vehicle(Suite.ISO_2, EMAID)
    request = installation_request(Suite.ISO_2, own)
    [(_, exi)] = answer_installation(pki, request, ISO_2_NAMESPACE)
    message = decode(exi, "iso15118_2")
    body = dict(message.value["Body"]["CertificateInstallationRes"])
    body["eMAID"] = {"@Id": "id4", "#text": "DEACM000000009X"}
    value = message.value | {"Body": {"CertificateInstallationRes": body}}
    changed = Document(message.namespace, message.name, value)
    with pytest.raises(SignatureRejectedError, match="digest of #id4 differs"):
        read_response(changed, "iso15118_2")
    unsigned = dict(body)
    unsigned["eMAID"] = {"#text": "DEACM000000009X", "@Id": "other"}
    value = message.value | {"Body": {"CertificateInstallationRes": unsigned}}
    with pytest.raises(SignatureRejectedError):
        read_response(Document(message.namespace, message.name, value), "iso15118_2")


@pytest.mark.parametrize("suite", ISO_SUITES)
def test_a_revoked_vehicle_is_refused(suite: Suite) -> None:
    pki, own = _vehicle(suite, EMAID)
    revoke(pki, own.issued.certificate.serial_number, "keyCompromise")
    with pytest.raises(ProvisioningRefusedError) as caught:
        answer_installation(pki, installation_request(suite, own), namespace(suite))
    assert caught.value.status is CertificateStatus.CERTIFICATE_REVOKED


def test_a_revoked_contract_is_not_handed_out() -> None:
    pki, own = _vehicle(Suite.ISO_2)
    issued = generate_contract(pki, PCID, EMAID, "Mobility")
    revoke(pki, issued.certificate.serial_number)
    with pytest.raises(ProvisioningRefusedError) as caught:
        answer_installation(pki, installation_request(Suite.ISO_2, own), ISO_2_NAMESPACE)
    assert caught.value.status is CertificateStatus.NO_CERTIFICATE_AVAILABLE


def test_a_vehicle_unknown_to_the_pool_is_refused() -> None:
    pki = new_pki(Suite.ISO_2)
    own = credential(pki, Suite.ISO_2, Role.OEM_PROVISIONING)
    with pytest.raises(ProvisioningRefusedError, match=PCID):
        answer_installation(pki, installation_request(Suite.ISO_2, own), ISO_2_NAMESPACE)
    with pytest.raises(NotFoundError):
        provisioning_chain(pki, PCID)


def test_a_foreign_provisioning_chain_needs_a_root_and_evidence() -> None:
    oem = new_pki(Suite.ISO_2, seed=77)
    chain = ders(credential(oem, Suite.ISO_2, Role.OEM_PROVISIONING).issued.chain)
    pki = new_pki(Suite.ISO_2)
    with pytest.raises(ProvisioningRefusedError, match="CertChainError"):
        add_provisioning_certificate(pki, chain)
    add_root(pki, root(oem, Suite.ISO_2))
    assert root(oem, Suite.ISO_2) in roots(pki)
    with pytest.raises(ProvisioningRefusedError, match="neither OCSP answer nor list"):
        add_provisioning_certificate(pki, chain)


def test_only_a_self_signed_certificate_is_a_root() -> None:
    pki = new_pki(Suite.ISO_2)
    with pytest.raises(RequestError, match="self-signed"):
        add_root(pki, pki.store.current("iso15118-2/mo-sub2").certificate)


def test_contracts_are_counted_and_deleted() -> None:
    emaids = tuple(f"DEACM{number:09d}X" for number in range(MAX_CONTRACTS))
    pki, _ = _vehicle(Suite.ISO_2, *emaids)
    with pytest.raises(RequestError, match="at most 10"):
        generate_contract(pki, PCID, EMAID, "Mobility")
    generate_contract(pki, PCID, emaids[0], "Mobility")  # a renewal is no further contract
    delete_contract(pki, PCID, emaids[0])
    with pytest.raises(NotFoundError):
        delete_contract(pki, PCID, emaids[0])


def _header_of_another_type() -> bytes:
    header = Typed("urn:iso:15118:2:2013:MsgHeader", "MessageHeaderType", {"SessionID": SESSION})
    message = Document(ISO_2_NAMESPACE, "V2G_Message", {"Header": header, "Body": {}})
    return encode(message, "iso15118_2")


def _text_alone() -> bytes:
    return encode(Document("http://www.w3.org/2000/09/xmldsig#", "KeyName", "x"), "iso15118_2")


@pytest.mark.parametrize(
    "exi",
    [
        b"",
        b"\x80",
        b"\x80" + bytes(20),
        bytes(14_000),
        _header_of_another_type(),
        _text_alone(),
    ],
)
def test_requests_that_are_none(exi: bytes) -> None:
    with pytest.raises(RequestError):
        read_request(exi, ISO_2_NAMESPACE)


def test_other_namespaces_and_messages_are_refused() -> None:
    _, own = _vehicle(Suite.ISO_2)
    request = installation_request(Suite.ISO_2, own)
    with pytest.raises(RequestError, match="neither"):
        read_request(request, "urn:din:70121:2012:MsgDef")
    value = {"Header": {"SessionID": SESSION}, "Body": {"SessionSetupReq": {"EVCCID": b"\0" * 6}}}
    other = encode(Document(ISO_2_NAMESPACE, "V2G_Message", value), "iso15118_2")
    with pytest.raises(RequestError, match="CertificateInstallationReq"):
        read_request(other, ISO_2_NAMESPACE)


def test_the_private_key_of_a_contract_is_kept_nowhere() -> None:
    pki, own = _vehicle(Suite.ISO_2, EMAID)
    request = installation_request(Suite.ISO_2, own)
    [(_, exi)] = answer_installation(pki, request, ISO_2_NAMESPACE)
    _, key = install(Suite.ISO_2, exi, own.private_key)
    scalar = key.private_numbers().private_value.to_bytes(32)  # type: ignore[union-attr]
    dump = "\n".join(pki.store._db.iterdump())
    assert scalar.hex().upper() not in dump.upper()
