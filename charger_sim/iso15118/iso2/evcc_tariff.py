"""The car's view of sales tariffs (ISO 15118-2 clause 8.5.2.17, V2G2-303 ff.).

A tariff is the mobility operator's, not the charger's: a car that charges on a contract believes
one that MO Sub-CA 2 has signed, whose certificate it has in its contract's chain. Any other is left
aside, which is no reason to stop. Without a contract there is nobody to sign, and it is taken.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from charger_sim.iso15118.backend import PriceEntry
from charger_sim.iso15118.iso2 import messages
from charger_sim.iso15118.iso2.evcc_context import EvccData
from charger_sim.iso15118.iso2.messages import Message
from pki.errors import PkiError
from pki.keys import narrow_public_key
from pki.parse import load_certificate
from pki.xmlsig import SignatureRejectedError, check


class Tariff(NamedTuple):
    """`doubt` says in words why there are no prices where a tariff is."""

    prices: tuple[PriceEntry, ...] = ()
    doubt: str = ""


def take_tariff(data: EvccData, message: Message, schedule: dict[str, Any]) -> None:
    """Sets `tariff`, or `tariff_doubt`, from the SAScheduleTuple that the car follows."""
    data.tariff, data.tariff_doubt = tariff_of(data, message, schedule)


def tariff_of(data: EvccData, message: Message, schedule: dict[str, Any]) -> Tariff:
    """The prices of an SAScheduleTuple as far as the car believes them."""
    tariff = schedule.get("SalesTariff")
    if tariff is None:
        return Tariff()
    if data.contract is not None:
        try:
            _check(message, data.contract.chain, tariff)
        except PkiError as error:
            return Tariff(doubt=str(error))
    return Tariff(
        tuple(
            PriceEntry(float(each["RelativeTimeInterval"]["start"]), each["EPriceLevel"])
            for each in tariff["SalesTariffEntry"]
            if "EPriceLevel" in each and "RelativeTimeInterval" in each
        )
    )


def _check(message: Message, chain: tuple[bytes, ...], tariff: dict[str, Any]) -> None:
    """Raises PkiError unless the contract's issuer signed this very tariff."""
    if len(chain) < 2:
        raise SignatureRejectedError("the contract's chain lacks MO Sub-CA 2")
    key = narrow_public_key(load_certificate(chain[1]).public_key())
    signed = check(message.document, messages.TABLE, key, frozenset({"SalesTariff"}))
    if tariff.get("@Id") not in signed:
        raise SignatureRejectedError("another tariff is signed, not this one")
