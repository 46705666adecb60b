"""The cost model: what a step takes, from counts of operations and the primitives' times.

A step runs from the end of the previous response's arrival to the arrival of its own: the car
decodes the previous response and encodes the request, the charger decodes it and encodes the
response, a round trip carries both. A signed message costs its fragments' EXI and a signing with
who sends it, the same and a verification with who gets it. `Flow.counts` adds what is particular to a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from charger_sim.iso15118.handshake.flow import Flow
from charger_sim.iso15118.handshake.primitives import LARGE_OCTETS, SMALL_OCTETS
from charger_sim.iso15118.v2gtp import Frame
from pki.exi import decode, encode
from pki.exi.messages import table_of_payload
from pki.exi.signature import elements_by_id, reference_input, signed_info_input


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response, as they went over the wire in a session."""

    name: str
    request: Frame
    response: Frame


def exi_operations(exchanges: list[Exchange], protocol: str) -> dict[str, Callable[[], object]]:
    """Decoding, encoding and signing EXI of each message of a session, by name."""
    operations: dict[str, Callable[[], object]] = {}
    agreed: str | None = None
    for exchange in exchanges:
        for kind, frame in (("Req", exchange.request), ("Res", exchange.response)):
            _add(operations, exchange.name + kind, frame, agreed)
        agreed = protocol
    return operations


def _add(
    operations: dict[str, Callable[[], object]], name: str, frame: Frame, protocol: str | None
) -> None:
    schema = table_of_payload(frame.payload_type, protocol)
    document = decode(frame.payload, schema)
    operations[f"decode {name}"] = lambda: decode(frame.payload, schema)
    operations[f"encode {name}"] = lambda: encode(document, schema)
    signature = document.value.get("Header", {}).get("Signature")
    if signature is None:
        return
    signed_info = signature["SignedInfo"]
    uris = [reference["@URI"] for reference in signed_info["Reference"]]

    def fragments() -> None:
        elements_by_id(document, schema)
        for uri in uris:
            reference_input(document, schema, uri)
        signed_info_input(signed_info)

    operations[f"fragments {name}"] = fragments


def predict(
    flow: Flow, exchanges: list[Exchange], times_s: Mapping[str, float]
) -> list[dict[str, float]]:
    """Seconds of each part, for each exchange."""
    predicted = []
    machines_s = _machines_s(exchanges, times_s)
    previous: Exchange | None = None
    for exchange in exchanges:
        request, response = f"{exchange.name}Req", f"{exchange.name}Res"
        exi = [f"encode {request}", f"decode {request}", f"encode {response}"]
        if previous is not None:
            exi.append(f"decode {previous.name}Res")
        parts = {
            "round trip": _round_trip_s(exchange, times_s),
            "exi": sum(times_s[each] for each in exi),
            "state machines": machines_s,
        }
        signing = _signature_s(request, times_s, "sign") + _signature_s(request, times_s, "verify")
        signing += _signature_s(response, times_s, "sign")
        if previous is not None:
            signing += _signature_s(f"{previous.name}Res", times_s, "verify")
        if signing:
            parts["signatures"] = signing
        for operation, count in flow.counts.get(exchange.name, {}).items():
            parts[operation] = count * times_s[operation]
        predicted.append(parts)
        previous = exchange
    return predicted


def predict_connect(flow: Flow, times_s: Mapping[str, float]) -> dict[str, float]:
    """Seconds of each part until the connection stands."""
    parts = {"tcp connect": times_s["tcp_connect"]}
    if flow.tls_secc is not None:
        parts["tls handshake"] = times_s["tls_handshake"]
        parts["tls round trips"] = flow.tls_round_trips * times_s["tcp_round_trip_small"]
    return parts


def _machines_s(exchanges: list[Exchange], times_s: Mapping[str, float]) -> float:
    """One transition of either machine: the first ones after supportedAppProtocol less their EXI."""
    first, second = exchanges[0].name, exchanges[1].name
    secc_s = times_s["secc transition"]
    secc_s -= times_s[f"decode {second}Req"] + times_s[f"encode {second}Res"]
    evcc_s = times_s["evcc transition"]
    evcc_s -= times_s[f"decode {first}Res"] + times_s[f"encode {second}Req"]
    return max(0.0, secc_s) + max(0.0, evcc_s)


def _signature_s(message: str, times_s: Mapping[str, float], work: str) -> float:
    fragments_s = times_s.get(f"fragments {message}")
    return 0.0 if fragments_s is None else fragments_s + times_s[work]


def _round_trip_s(exchange: Exchange, times_s: Mapping[str, float]) -> float:
    """Linear in the octets, through the two sizes that were timed."""
    small_s, large_s = times_s["round_trip_small"], times_s["round_trip_large"]
    octets = len(exchange.request.payload) + len(exchange.response.payload)
    slope = max(0.0, large_s - small_s) / (LARGE_OCTETS - SMALL_OCTETS)
    return small_s + slope * max(0, octets - 2 * SMALL_OCTETS)
