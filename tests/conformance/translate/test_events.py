"""Every action that stations may send: a message valid by the official schema means the event expected."""

from __future__ import annotations

from typing import Any

import pytest

from csms.domain.events import Event
from csms.translate import UnknownAction, UnsupportedAction, event_from_wire
from csms.translate.v2x import OCPP21, OCPP201
from csms.translate.v16 import OCPP16
from tests.conformance.pnc import wire as certificates
from tests.conformance.translate import examples_v2x, examples_v16, examples_v21
from tests.conformance.translate.official import VERSIONS, actions, check_request

EXAMPLES = {
    "1.6": examples_v16.EXAMPLES + certificates.V16,
    "2.0.1": examples_v2x.EXAMPLES + certificates.V201,
    "2.1": examples_v2x.EXAMPLES + examples_v21.EXAMPLES + certificates.V21,
}
FAMILIES = {family.version: family for family in (OCPP16, OCPP201, OCPP21)}
ALL = [(version, *example) for version in VERSIONS for example in EXAMPLES[version]]


@pytest.mark.parametrize(("version", "action", "payload", "event"), ALL)
def test_a_valid_message_means_its_event(
    version: str, action: str, payload: dict[str, Any], event: Event
) -> None:
    check_request(version, action, payload)
    assert event_from_wire(version, action, payload) == event


@pytest.mark.parametrize("version", VERSIONS)
def test_every_action_taken_has_an_example(version: str) -> None:
    assert {action for action, *_ in EXAMPLES[version]} == set(FAMILIES[version].events)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_action_of_the_version_is_either_taken_or_refused(version: str) -> None:
    family = FAMILIES[version]
    assert set(family.events) | family.unsupported == actions(version)
    assert not set(family.events) & family.unsupported
    assert set(family.replies) == set(family.events)


@pytest.mark.parametrize("version", VERSIONS)
def test_unsupported_and_unknown_actions_are_told_apart(version: str) -> None:
    with pytest.raises(UnsupportedAction, match="InstallCertificate"):
        event_from_wire(version, "InstallCertificate", {})
    with pytest.raises(UnknownAction, match="Nonsense"):
        event_from_wire(version, "Nonsense", {})


def test_actions_of_another_version_are_unknown() -> None:
    with pytest.raises(UnknownAction):
        event_from_wire("2.1", "StartTransaction", {})
    with pytest.raises(UnknownAction):
        event_from_wire("2.0.1", "NotifyDERAlarm", {})


def test_an_unknown_version_is_named() -> None:
    with pytest.raises(ValueError, match=r"2\.2.*1\.6, 2\.0\.1, 2\.1"):
        event_from_wire("2.2", "Heartbeat", {})
