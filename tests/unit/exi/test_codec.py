from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest

from pki.exi import (
    Document,
    ExiDecodeError,
    ExiDeviationError,
    ExiEncodeError,
    ExiLimitError,
    ExiSchemaError,
    Limits,
    Typed,
    Untyped,
    decode,
    decode_fragment,
    encode,
    encode_fragment,
)
from pki.exi.messages import table_of_payload
from pki.exi.signature import elements_by_id, reference_input
from pki.exi.values import ANY_TYPE, NoOctets, NoText, TableHit

APP = "urn:iso:15118:2:2010:AppProtocol"
DEF = "urn:iso:15118:2:2013:MsgDef"
BODY = "urn:iso:15118:2:2013:MsgBody"
DSIG = "http://www.w3.org/2000/09/xmldsig#"


def _message(body: dict[str, Any]) -> Document:
    return Document(DEF, "V2G_Message", {"Header": {"SessionID": bytes(8)}, "Body": body})


def test_support_of_application_protocols() -> None:
    """The octets are EVerest's, of its test of the application handshake."""
    request = {
        "AppProtocol": [
            {
                "ProtocolNamespace": "urn:din:70121:2012:MsgDef",
                "VersionNumberMajor": 2,
                "VersionNumberMinor": 0,
                "SchemaID": 1,
                "Priority": 1,
            }
        ]
    }
    exi = encode(Document(APP, "supportedAppProtocolReq", request), "app_protocol")
    assert exi.hex() == ("8000dbab9371d3234b71d1b981899189d191818991d26b9b3a232b30020000040040")
    response = Document(
        APP, "supportedAppProtocolRes", {"ResponseCode": "OK_SuccessfulNegotiation", "SchemaID": 1}
    )
    assert encode(response, "app_protocol").hex() == "80400040"
    assert decode(bytes.fromhex("80400040"), "app_protocol") == response


def test_keys_may_come_in_any_order_and_none_is_absent() -> None:
    first = {"FullSOC": None, "ResponseCode": "OK", "EVSEProcessing": "Finished"}
    second = {"EVSEProcessing": "Finished", "ResponseCode": "OK"}
    del first["FullSOC"]
    optional = {"ResponseCode": "OK", "EVSEID": "DE*ABC*E1", "EVSETimeStamp": None}
    absent = {"EVSEID": "DE*ABC*E1", "ResponseCode": "OK"}
    for one, other, name in (
        (first, second, "AuthorizationRes"),
        (optional, absent, "SessionSetupRes"),
    ):
        assert encode(_message({name: one}), "iso15118_2") == encode(
            _message({name: other}), "iso15118_2"
        )


def test_string_enumerations_may_be_given_as_enum_members() -> None:
    class Progress(StrEnum):
        START = "Start"

    value = {"ChargeProgress": Progress.START, "SAScheduleTupleID": 1}
    plain = {"ChargeProgress": "Start", "SAScheduleTupleID": 1}
    assert encode(_message({"PowerDeliveryReq": value}), "iso15118_2") == encode(
        _message({"PowerDeliveryReq": plain}), "iso15118_2"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"SessionStopReq": {"ChargingSession": "Halt"}},
            r"V2G_Message/Body/SessionStopReq/ChargingSession: 'Halt' is not one of Terminate",
        ),
        ({"SessionStopReq": {}}, "incomplete, expected ChargingSession"),
        ({"SessionStopReq": 3}, "expected a dict, got 3"),
        ({"SessionStopReq": {"ChargingSession": "Pause", "X": 1}}, r"unknown \['X'\]"),
        ({"NoSuchReq": {}}, "Body/NoSuchReq: not allowed here"),
        ({"SessionStopReq": {"ChargingSession": "Pause"}, "SessionStopRes": {}}, "not allowed"),
        ({"SessionSetupReq": {"EVCCID": "00"}}, "expected bytes"),
        ({"ServiceDetailReq": {"ServiceID": -1}}, "unsigned int"),
        ({"ServiceDetailReq": {"ServiceID": True}}, "expected an int"),
        ({"ServiceDetailReq": {"ServiceID": "1"}}, "expected an int"),
        ({"PowerDeliveryReq": {"ChargeProgress": "Start", "SAScheduleTupleID": 257}}, "1..256"),
        (
            {
                "PaymentServiceSelectionReq": {
                    "SelectedPaymentOption": "Contract",
                    "SelectedServiceList": {"SelectedService": {"ServiceID": 1}},
                }
            },
            "SelectedService: expected a list",
        ),
        (
            {
                "ChargeParameterDiscoveryRes": {
                    "ResponseCode": "OK",
                    "EVSEProcessing": "Finished",
                    "SAScheduleList": {"SAScheduleTuple": [{}] * 4},
                }
            },
            "SAScheduleTupleID",
        ),
    ],
)
def test_values_that_do_not_fit_are_refused(body: dict[str, Any], message: str) -> None:
    with pytest.raises(ExiEncodeError, match=message):
        encode(_message(body), "iso15118_2")


def test_more_than_max_occurs_is_refused() -> None:
    protocol = {
        "ProtocolNamespace": "urn:x",
        "VersionNumberMajor": 1,
        "VersionNumberMinor": 0,
        "SchemaID": 1,
        "Priority": 1,
    }
    document = Document(APP, "supportedAppProtocolReq", {"AppProtocol": [protocol] * 20})
    assert decode(encode(document, "app_protocol"), "app_protocol") == document
    document = Document(APP, "supportedAppProtocolReq", {"AppProtocol": [protocol] * 21})
    with pytest.raises(ExiEncodeError, match="AppProtocol: too many"):
        encode(document, "app_protocol")


def test_a_thousand_entries_have_a_last_state() -> None:
    """After the 1024th entry only the end may come, in one bit instead of two."""
    power = {"Multiplier": 0, "Unit": "W", "Value": 1}
    entry = {"RelativeTimeInterval": {"start": 0}, "PMax": power}
    exi = []
    for count in (1023, 1024):
        document = Document(
            "urn:iso:15118:2:2013:MsgDataTypes",
            "PMaxSchedule",
            {"PMaxScheduleEntry": [entry] * count},
        )
        exi.append(encode_fragment(document, "iso15118_2"))
        assert decode_fragment(exi[-1], "iso15118_2") == document
    assert len(exi[1]) > len(exi[0])


EXI = encode(_message({"SessionStopReq": {"ChargingSession": "Pause"}}), "iso15118_2")


def test_every_truncation_is_refused() -> None:
    for length in range(len(EXI)):
        with pytest.raises(ExiDecodeError):
            decode(EXI[:length], "iso15118_2")


@pytest.mark.parametrize("octets", [b"", b"\x00", b"\x00\x00\x01"])
@pytest.mark.parametrize("padding", [0, 1])
def test_what_follows_the_end_is_kept(octets: bytes, padding: int) -> None:
    frame = EXI[:-1] + bytes([EXI[-1] | padding]) + octets
    document = decode(frame, "iso15118_2")
    assert document.tail == (bytes([padding]) + octets if frame != EXI else b"")
    assert document.value == decode(EXI, "iso15118_2").value
    assert encode(document, "iso15118_2") == frame
    element = Document(BODY, "SessionStopReq", {"ChargingSession": "Pause"})
    fragment = encode_fragment(element, "iso15118_2") + octets
    assert encode_fragment(decode_fragment(fragment, "iso15118_2"), "iso15118_2") == fragment


@pytest.mark.parametrize("header", [b"$EXI\x80", b"\xa0", b"\x90", b"\x00", b"<?xml", b""])
def test_other_headers_are_refused(header: bytes) -> None:
    with pytest.raises(ExiDecodeError):
        decode(header + EXI[1:], "iso15118_2")


@pytest.mark.parametrize("octets", [2, 3, 10, 80])
@pytest.mark.parametrize(("number", "sign"), [(93, ""), (93, "0"), (~93, "1")])
def test_integers_of_more_octets_than_they_need_survive(
    number: int, sign: str, octets: int
) -> None:
    """An unsigned ServiceID; a Value, whose sign bit comes first."""
    power = {"Multiplier": 0, "Unit": "W", "Value": number}
    entry = {"RelativeTimeInterval": {"start": 0}, "PMax": power}
    document = (
        Document(TYPES, "PMaxScheduleEntry", entry)
        if sign
        else Document(BODY, "ServiceDetailReq", {"ServiceID": number})
    )
    exi = encode(document, "iso15118_2")
    bits = f"{int.from_bytes(exi):0{8 * len(exi)}b}"
    short = sign + f"{93:08b}"
    assert bits.count(short) == 1
    padding = f"{128:08b}" * (octets - 2) + f"{0:08b}"
    bits = bits.replace(short, sign + f"{93 | 128:08b}" + padding)
    padded = int(bits, 2).to_bytes(len(bits) // 8)
    found = decode(padded, "iso15118_2")
    assert found == document
    assert encode(found, "iso15118_2") == padded
    with pytest.raises(ExiLimitError, match="octets"):
        decode(padded, "iso15118_2", limits=Limits(max_integer_octets=octets - 1))


def test_a_fault_is_located() -> None:
    exi = bytearray(encode(_message({"SessionSetupReq": {"EVCCID": b"123456"}}), "iso15118_2"))
    exi[13] = 0xFF
    with pytest.raises(ExiDecodeError) as caught:
        decode(bytes(exi), "iso15118_2")
    assert caught.value.path[:3] == ["V2G_Message", "Body", "SessionSetupReq"]
    assert caught.value.bit_offset is not None
    assert 0 < caught.value.bit_offset <= 8 * len(exi)
    assert "V2G_Message/Body/SessionSetupReq" in str(caught.value)


def test_an_index_into_an_empty_string_table_is_refused() -> None:
    document = Document(BODY, "SessionSetupRes", {"ResponseCode": "OK", "EVSEID": "A"})
    exi = encode(document, "iso15118_2")
    bits = f"{int.from_bytes(exi):0{8 * len(exi)}b}".replace(f"{0x0341:016b}", f"{1:016b}", 1)
    with pytest.raises(ExiDecodeError, match="no text 0 in the string table"):
        decode(int(bits, 2).to_bytes(len(exi)), "iso15118_2")


def test_what_the_string_table_repeats_is_bounded() -> None:
    """An index of a few bits stands for a text of any length."""
    text = "A" * 400
    services = [
        {"ServiceID": n, "ServiceName": name, "ServiceCategory": "Internet", "FreeService": True}
        for n, name in enumerate([text, *(TableHit.of(text, 0, local=True) for _ in range(7))])
    ]
    body = {
        "ResponseCode": "OK",
        "PaymentOptionList": {"PaymentOption": ["ExternalPayment"]},
        "ChargeService": {
            "ServiceID": 1,
            "ServiceCategory": "EVCharging",
            "FreeService": False,
            "SupportedEnergyTransferMode": {"EnergyTransferMode": ["DC_extended"]},
        },
        "ServiceList": {"Service": services},
    }
    document = _message({"ServiceDiscoveryRes": body})
    exi = encode(document, "iso15118_2")
    assert len(exi) < 500
    assert decode(exi, "iso15118_2") == document
    with pytest.raises(ExiLimitError, match="more than 2000 repeated characters"):
        decode(exi, "iso15118_2", limits=Limits(max_bytes=2_000))


def test_nesting_is_bounded_on_both_sides() -> None:
    def nested(levels: int) -> Document:
        value: tuple[str | Document, ...] = ("end",)
        for _ in range(levels):
            value = (Document("urn:x", "e", Typed(*ANY_TYPE, Untyped((), value))),)
        return Document(DSIG, "Object", {"#content": list(value)})

    document = nested(20)
    exi = encode(document, "xmldsig")
    assert decode(exi, "xmldsig") == document
    with pytest.raises(ExiLimitError, match="deeper than 5"):
        decode(exi, "xmldsig", limits=Limits(max_depth=5))
    with pytest.raises(ExiEncodeError, match="deeper than"):
        encode(nested(1000), "xmldsig")


def test_undeclared_content_without_a_type_is_refused() -> None:
    exi = encode(
        Document(
            DSIG, "Object", {"#content": [Document("urn:x", "e", Typed(*ANY_TYPE, Untyped()))]}
        ),
        "xmldsig",
    )
    bits = f"{int.from_bytes(exi):0{8 * len(exi)}b}"
    name = "".join(f"{b:08b}" for b in b"e")
    at = bits.index(name, 40) + 8
    broken = int(bits[:at] + "00" + bits[at + 2 :], 2).to_bytes(len(exi))
    with pytest.raises(ExiDeviationError, match="without xsi:type"):
        decode(broken, "xmldsig")
    with pytest.raises(ExiEncodeError, match="must be Typed"):
        encode(Document("urn:x", "e", {}), "xmldsig")
    with pytest.raises(ExiEncodeError, match="is not declared"):
        encode(Document("urn:x", "e", Typed("urn:x", "T", {})), "xmldsig")


TYPES = "urn:iso:15118:2:2013:MsgDataTypes"
STOP = Typed(BODY, "SessionStopReqType", {"ChargingSession": "Pause"})
STATUS = {"EVReady": True, "EVErrorCode": "NO_ERROR", "EVRESSSOC": 7}


@pytest.mark.parametrize(
    ("name", "value", "exi"),
    [
        ("BodyElement", STOP, "800b0c01d480"),
        (
            "SessionStopReq",
            {"ChargingSession": Typed(TYPES, "serviceNameType", "x")},
            "80829700b001bc00",
        ),
        ("SessionStopReq", Typed(*ANY_TYPE, Untyped((), ("text",))), "8083280063067465787440"),
        (
            "CableCheckReq",
            {"DC_EVStatus": Typed(TYPES, "DC_EVStatusType", STATUS)},
            "800c970020200070",
        ),
    ],
)
def test_explicit_types(name: str, value: Any, exi: str) -> None:
    """The octets are those of EXIficient, see tests/interop/exi."""
    document = Document(BODY, name, value)
    assert encode(document, "iso15118_2").hex() == exi
    assert decode(bytes.fromhex(exi), "iso15118_2") == document


def test_frames_of_real_cars_and_stations() -> None:
    """Published in the logs of pyPLC: from an Ioniq, to a Compleo station, of an ISO 15118-2 car."""
    frames = {
        "8000dbab9371d3234b71d1b981899189d191818991d26b9b3a232b30020000040040": "app_protocol",
        "8000dbab9371d3234b71d1b981899189d191818991d26b9b3a232b30020000040401d75726e3a69736f3a"
        "31353131383a323a323031333a4d73674465660040000000080": "app_protocol",
        "809a022189cbf75b9625a9513022800a0800": "din_70121",
    }
    for exi, table in frames.items():
        assert encode(decode(bytes.fromhex(exi), table), table).hex() == exi
    power_delivery = decode(bytes.fromhex("809a022189cbf75b9625a9513022800a0800"), "din_70121")
    assert power_delivery.value["Body"]["PowerDeliveryReq"]["ReadyToChargeState"] is False


def test_empty_text_that_is_left_out_survives() -> None:
    for left_out, present in ((NoText(), ""), (NoText(), NoText())):
        document = _message({"SessionSetupRes": {"ResponseCode": "OK", "EVSEID": left_out}})
        exi = encode(document, "iso15118_2")
        assert encode(decode(exi, "iso15118_2"), "iso15118_2") == exi
        value = decode(exi, "iso15118_2").value["Body"]["SessionSetupRes"]
        assert value["EVSEID"] == present
    assert encode(_message({"SessionSetupReq": {"EVCCID": NoOctets()}}), "iso15118_2") != encode(
        _message({"SessionSetupReq": {"EVCCID": b""}}), "iso15118_2"
    )


def test_elements_of_interleaving_content_keep_their_order() -> None:
    content = [
        ("X509SubjectName", "CN=a"),
        ("X509Certificate", b"\x30\x00"),
        ("X509SubjectName", "CN=b"),
        ("X509IssuerSerial", {"X509IssuerName": "CN=r", "X509SerialNumber": -(2**159)}),
    ]
    document = Document(DSIG, "X509Data", {"#content": content})
    assert decode(encode(document, "xmldsig"), "xmldsig") == document
    with pytest.raises(ExiEncodeError, match="#content holds"):
        encode(Document(DSIG, "X509Data", {"#content": [1]}), "xmldsig")
    with pytest.raises(ExiEncodeError, match="incomplete"):
        encode(Document(DSIG, "X509Data", {}), "xmldsig")


def test_a_fragment_holds_one_element() -> None:
    exi = encode_fragment(Document(BODY, "SessionStopRes", {"ResponseCode": "OK"}), "iso15118_2")
    assert decode_fragment(exi, "iso15118_2").name == "SessionStopRes"
    bits = f"{int.from_bytes(exi):b}"
    end = f"{244:08b}"
    at = bits.rindex(end)
    broken = int(bits[:at] + "00000000" + bits[at + 8 :], 2).to_bytes(len(exi))
    with pytest.raises(ExiDeviationError, match="more than one element"):
        decode_fragment(broken, "iso15118_2")


def test_an_id_that_occurs_twice_is_refused() -> None:
    chain = {"@Id": "id1", "Certificate": b"\x30"}
    response = {
        "ResponseCode": "OK",
        "SAProvisioningCertificateChain": {"Certificate": b"\x30"},
        "ContractSignatureCertChain": chain,
        "ContractSignatureEncryptedPrivateKey": {"@Id": "id2", "#text": bytes(48)},
        "DHpublickey": {"@Id": "id3", "#text": bytes(65)},
        "eMAID": {"@Id": "id4", "#text": "DE8AA1A2B3C4D59"},
    }
    message = _message({"CertificateInstallationRes": response})
    elements = elements_by_id(message, "iso15118_2")
    assert list(elements) == ["id1", "id2", "id3", "id4"]
    with pytest.raises(ExiEncodeError, match="no element for the reference '#id5'"):
        reference_input(elements, "iso15118_2", "#id5")
    response["eMAID"] = {"@Id": "id1", "#text": "DE8AA1A2B3C4D59"}
    with pytest.raises(ExiEncodeError, match="'id1' occurs twice"):
        elements_by_id(message, "iso15118_2")


@pytest.mark.parametrize(
    ("payload", "protocol", "table"),
    [
        (0x8001, None, "app_protocol"),
        (0x8001, "urn:din:70121:2012:MsgDef", "din_70121"),
        (0x8001, "urn:iso:15118:2:2013:MsgDef", "iso15118_2"),
        (0x8002, "urn:iso:std:iso:15118:-20:DC", "iso15118_20_common_messages"),
        (0x8003, "urn:iso:std:iso:15118:-20:AC", "iso15118_20_ac"),
        (0x8003, "urn:iso:std:iso:15118:-20:AC-DER-IEC", "iso15118_20_ac_der_iec"),
        (0x8004, "urn:iso:std:iso:15118:-20:DC", "iso15118_20_dc"),
        (0x8006, None, "iso15118_20_wpt"),
    ],
)
def test_table_of_a_payload(payload: int, protocol: str | None, table: str) -> None:
    assert table_of_payload(payload, protocol) == table


def test_payloads_without_exi_are_refused() -> None:
    with pytest.raises(ExiSchemaError, match="0x9000 does not carry EXI"):
        table_of_payload(0x9000)
    with pytest.raises(ExiSchemaError, match="does not carry 'urn:x'"):
        table_of_payload(0x8001, "urn:x")
