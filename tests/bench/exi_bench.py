"""Time to decode and encode an EXI message: `python -m tests.bench.exi_bench [--json]`.

Beside it EXIficient, inside of its Java process and warmed up, where Java, the jar and the schema
documents are found (see tests/interop/exi/reference.py).
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from typing import Any, TypeAlias

from pki.exi import Document, decode, encode
from tests.interop.exi.reference import Exificient, find_jar, find_xsd_directory

ISO_2 = "iso15118_2"
ISO_20 = "iso15118_20_common_messages"
BUDGET_US = {"CurrentDemandRes": (100, 150)}
Message: TypeAlias = tuple[str, Document]
"""A table with a document of it."""
_CERTIFICATE = bytes(i * 37 % 256 for i in range(420))


def _physical(multiplier: int, unit: str, value: int) -> dict[str, Any]:
    return {"Multiplier": multiplier, "Unit": unit, "Value": value}


def _message(body: dict[str, Any], signature: dict[str, Any] | None = None) -> Message:
    header: dict[str, Any] = {"SessionID": bytes.fromhex("d3765e2a1842af1b")}
    if signature:
        header["Signature"] = signature
    value = {"Header": header, "Body": body}
    return ISO_2, Document("urn:iso:15118:2:2013:MsgDef", "V2G_Message", value)


def _message_20(name: str, value: dict[str, Any], signature: dict[str, Any]) -> Message:
    header = {"SessionID": bytes(8), "TimeStamp": 1_700_000_000, "Signature": signature}
    document = Document(
        "urn:iso:std:iso:15118:-20:CommonMessages", name, {"Header": header} | value
    )
    return ISO_20, document


def _chain(identifier: str | None, sub_certificates: int) -> dict[str, Any]:
    chain: dict[str, Any] = {"@Id": identifier, "Certificate": _CERTIFICATE}
    chain["SubCertificates"] = {"Certificate": [_CERTIFICATE] * sub_certificates}
    return chain


def _signature(ids: tuple[str, ...]) -> dict[str, Any]:
    canonical = {"@Algorithm": "http://www.w3.org/TR/canonical-exi/"}
    ecdsa = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
    references = [
        {
            "@URI": f"#{identifier}",
            "Transforms": {"Transform": [canonical]},
            "DigestMethod": {"@Algorithm": "http://www.w3.org/2001/04/xmlenc#sha256"},
            "DigestValue": bytes(range(32)),
        }
        for identifier in ids
    ]
    return {
        "SignedInfo": {
            "CanonicalizationMethod": canonical,
            "SignatureMethod": {"@Algorithm": ecdsa},
            "Reference": references,
        },
        "SignatureValue": {"#text": bytes(range(64))},
    }


def messages() -> dict[str, Message]:
    """Small, medium and large; the signed ones that a Plug & Charge session waits for."""
    current_demand = {
        "ResponseCode": "OK",
        "DC_EVSEStatus": {
            "NotificationMaxDelay": 0,
            "EVSENotification": "None",
            "EVSEIsolationStatus": "Valid",
            "EVSEStatusCode": "EVSE_Ready",
        },
        "EVSEPresentVoltage": _physical(-1, "V", 4000),
        "EVSEPresentCurrent": _physical(-1, "A", 1250),
        "EVSECurrentLimitAchieved": False,
        "EVSEVoltageLimitAchieved": False,
        "EVSEPowerLimitAchieved": False,
        "EVSEMaximumVoltageLimit": _physical(0, "V", 1000),
        "EVSEMaximumCurrentLimit": _physical(0, "A", 500),
        "EVSEMaximumPowerLimit": _physical(1, "W", 15000),
        "EVSEID": "DE*ABC*E123456",
        "SAScheduleTupleID": 1,
        "MeterInfo": {"MeterID": "METER0001", "MeterReading": 123456, "TMeter": 1650000000},
        "ReceiptRequired": False,
    }
    payment = {"eMAID": "DE8AA1A2B3C4D59", "ContractSignatureCertChain": _chain(None, 3)}
    installation = {
        "ResponseCode": "OK",
        "SAProvisioningCertificateChain": _chain(None, 2),
        "ContractSignatureCertChain": _chain("id1", 2),
        "ContractSignatureEncryptedPrivateKey": {"@Id": "id2", "#text": bytes(48)},
        "DHpublickey": {"@Id": "id3", "#text": bytes(65)},
        "eMAID": {"@Id": "id4", "#text": "DE8AA1A2B3C4D59"},
    }
    authorization = {"@Id": "id1", "GenChallenge": bytes(range(16))}
    return {
        "CurrentDemandRes": _message({"CurrentDemandRes": current_demand}),
        "AuthorizationReq": _message({"AuthorizationReq": authorization}, _signature(("id1",))),
        "PaymentDetailsReq": _message({"PaymentDetailsReq": payment}),
        "CertificateInstallationRes": _message(
            {"CertificateInstallationRes": installation},
            _signature(("id1", "id2", "id3", "id4")),
        ),
        "CertificateInstallationRes of -20": _message_20(
            "CertificateInstallationRes", _installation_20(), _signature(("id1",))
        ),
    }


def _installation_20() -> dict[str, Any]:
    chain = {"Certificate": _CERTIFICATE, "SubCertificates": {"Certificate": [_CERTIFICATE] * 2}}
    return {
        "ResponseCode": "OK",
        "EVSEProcessing": "Finished",
        "CPSCertificateChain": chain,
        "SignedInstallationData": {
            "@Id": "id1",
            "ContractCertificateChain": chain,
            "ECDHCurve": "SECP521",
            "DHPublicKey": bytes(133),
            "SECP521_EncryptedPrivateKey": bytes(94),
        },
        "RemainingContractCertificateChains": 0,
    }


def _best_us(function: Any, argument: Any, table: str, rounds: int = 100, calls: int = 30) -> float:
    """The best of many short rounds, as other work on the machine only adds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            function(argument, table)
        best = min(best, (time.perf_counter() - start) / calls)
    return best * 1e6


def run() -> dict[str, Any]:
    """Message -> its octets, and microseconds to decode and to encode, ours and EXIficient's."""
    results: dict[str, Any] = {}
    for name, (table, document) in messages().items():
        exi = encode(document, table)
        results[name] = {
            "octets": len(exi),
            "decode_us": round(_best_us(decode, exi, table), 1),
            "encode_us": round(_best_us(encode, document, table), 1),
        }
        if name in BUDGET_US:
            decode_budget, encode_budget = BUDGET_US[name]
            results[name] |= {"decode_budget_us": decode_budget, "encode_budget_us": encode_budget}
    directory, jar = find_xsd_directory(), find_jar()
    if directory and jar and shutil.which("java"):
        with Exificient(directory, jar) as exificient:
            for name, (table, document) in messages().items():
                results[name] |= _exificient(
                    exificient, table, encode(document, table), results[name]
                )
    return results


def _exificient(peer: Exificient, table: str, exi: bytes, ours: dict[str, Any]) -> dict[str, Any]:
    """EXIficient's microseconds, between EXI and XML, and how many times faster than it we are."""
    figures: dict[str, Any] = {}
    answer = peer.ask(table, "document", "bench", exi.hex()).split()
    for step, us in zip(("decode", "encode"), map(float, answer), strict=True):
        figures[f"exificient_{step}_us"] = round(us, 1)
        figures[f"{step}_times_faster_than_exificient"] = round(us / ours[f"{step}_us"], 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.exi_bench", description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = run()
    if options.json:
        print(json.dumps(results))
        return
    for name, figures in results.items():
        print(name, *(f"{key}={value}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
