"""A network that a test writes itself, and one that is the PKI's own web service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from csms.pnc.http import HttpAnswer, HttpFailed
from tests.unit.pki.support import FixedClock


@dataclass
class Clock(FixedClock):
    """Wall time and monotonic time that move together."""

    def monotonic(self) -> float:
        return self.at.timestamp()


@dataclass
class FakeHttp:
    """``answers`` maps a URL to what is answered; ``None`` is silence until the time is up."""

    answers: dict[str, Callable[[bytes], HttpAnswer | None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    timeouts_s: list[float] = field(default_factory=list)

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> HttpAnswer:
        self.asked.append(url)
        self.timeouts_s.append(timeout_s)
        await asyncio.sleep(0)
        answer = self.answers[url](content) if url in self.answers else None
        if answer is None:
            raise HttpFailed(f"no answer within {timeout_s} s")
        return answer


def ok(body: bytes) -> HttpAnswer:
    return HttpAnswer(200, body)
