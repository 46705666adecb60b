"""The cost model: what a step takes, from counts of operations and the primitives' times.

A step runs from the end of the previous response's arrival to the arrival of its own: the car
decodes the previous response and encodes the request, the charger decodes it and encodes the
response, a round trip carries both. A signed message costs a signing with who sends it, and a check
with who gets it; either codes the fragments that are digested. `Flow.counts` adds what is particular
to a step, "ask" for a question to the backend among it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from charger_sim.iso15118.handshake.flow import Flow
from charger_sim.iso15118.handshake.primitives import LARGE_OCTETS, SMALL_OCTETS
from charger_sim.iso15118.v2gtp import Frame
from pki.exi import decode, encode
from pki.exi.messages import table_of_payload
from pki.keys import PrivateKey
from pki.xmlsig import check, sign


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response, as they went over the wire in a session."""

    name: str
    request: Frame
    response: Frame


def message_operations(
    exchanges: list[Exchange], protocol: str, signer: PrivateKey | None
) -> dict[str, Callable[[], object]]:
    """Decoding and encoding of each message of a session, signing and checking of the signed ones."""
    operations: dict[str, Callable[[], object]] = {}
    agreed: str | None = None
    for exchange in exchanges:
        for kind, frame in (("Req", exchange.request), ("Res", exchange.response)):
            _add(operations, exchange.name + kind, frame, agreed, signer)
        agreed = protocol
    return operations


def _add(
    operations: dict[str, Callable[[], object]],
    name: str,
    frame: Frame,
    protocol: str | None,
    signer: PrivateKey | None,
) -> None:
    schema = table_of_payload(frame.payload_type, protocol)
    document = decode(frame.payload, schema)
    operations[f"decode {name}"] = lambda: decode(frame.payload, schema)
    operations[f"encode {name}"] = lambda: encode(document, schema)
    if signer is None or "Signature" not in document.value.get("Header", {}):
        return
    signed, public = sign(document, schema, signer), signer.public_key()
    operations[f"sign {name}"] = lambda: sign(document, schema, signer)
    operations[f"check {name}"] = lambda: check(signed, schema, public, frozenset())


def repetitions(flow: Flow) -> Mapping[str, int]:
    """How often a session does the operations of `Flow.counts`."""
    total: Counter[str] = Counter()
    for counts in flow.counts.values():
        total.update(counts)
    return total


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
        signing = [f"sign {request}", f"check {request}", f"sign {response}"]
        if previous is not None:
            signing.append(f"check {previous.name}Res")
        if signing_s := sum(times_s.get(each, 0.0) for each in signing):
            parts["signatures"] = signing_s
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
    for operation, count in flow.counts.get("Connect", {}).items():
        parts[operation] = count * times_s[operation]
    return parts


def _machines_s(exchanges: list[Exchange], times_s: Mapping[str, float]) -> float:
    """One transition of either machine: the first ones after supportedAppProtocol less their EXI."""
    first, second = exchanges[0].name, exchanges[1].name
    secc_s = times_s["secc transition"]
    secc_s -= times_s[f"decode {second}Req"] + times_s[f"encode {second}Res"]
    evcc_s = times_s["evcc transition"]
    evcc_s -= times_s[f"decode {first}Res"] + times_s[f"encode {second}Req"]
    return max(0.0, secc_s) + max(0.0, evcc_s)


def _round_trip_s(exchange: Exchange, times_s: Mapping[str, float]) -> float:
    """Linear in the octets, through the two sizes that were timed."""
    small_s, large_s = times_s["round_trip_small"], times_s["round_trip_large"]
    octets = len(exchange.request.payload) + len(exchange.response.payload)
    slope = max(0.0, large_s - small_s) / (LARGE_OCTETS - SMALL_OCTETS)
    return small_s + slope * max(0, octets - 2 * SMALL_OCTETS)
