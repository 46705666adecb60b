"""A charging station, sans I/O: frames in, frames out, physics by the tick.

The owner calls :meth:`connected`, :meth:`disconnected` and :meth:`receive` for the link,
:meth:`run_timers` when :meth:`next_timer_s` is due, and :meth:`refresh` / :meth:`step` /
:meth:`ticked` for the power path. Frames to send come out of ``transmit``.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from charger_sim.clock import Clock, StationClock
from charger_sim.station.certificates import CertificateStore
from charger_sim.station.communication import Communication, NoCommunication
from charger_sim.station.config import StationConfig
from charger_sim.station.der import DerStore
from charger_sim.station.dialect import Dialect
from charger_sim.station.evse import Evse
from charger_sim.station.faults import Faults
from charger_sim.station.meter import Readings
from charger_sim.station.outbox import Outbox
from charger_sim.station.profiles import Moment, ProfileRules, ProfileStore, evaluate
from charger_sim.station.registration import Registration
from charger_sim.station.rpc import OnFailure, OnReply, Payload, RpcSession
from charger_sim.station.sessions import Sessions
from charger_sim.station.settings import Settings
from charger_sim.station.tariff import TariffDisplay
from charger_sim.station.timers import Timer, Timers
from charger_sim.station.v2 import DialectV2
from charger_sim.station.v16 import Dialect16


def _ignore(_: object) -> None:
    return None


class Station:
    """State and behaviour common to the versions; ``dialect`` speaks."""

    def __init__(
        self,
        config: StationConfig,
        clock: Clock,
        rng: Random,
        *,
        transmit: Callable[[str], None],
        faults: Faults | None = None,
        on_latency: Callable[[str, float], None] = lambda _action, _s: None,
    ) -> None:
        self.config = config
        self.faults = faults or Faults()
        self.clock = StationClock(clock, self.faults.clock_skew_s, stubborn=self.faults.ignore_time)
        self.rng = rng
        self.settings = Settings.factory(config)
        self.timers = Timers(clock.monotonic)
        self.rpc = RpcSession(
            config.version, self.timers, clock.monotonic, self.new_id, transmit, on_latency
        )
        self.outbox = Outbox(self.rpc, self.timers, self.settings)
        self.evses = {
            e.id: Evse(e, rng, f_nominal_hz=config.f_nominal_hz, v_nominal_v=config.v_nominal_v)
            for e in config.evses
        }
        self.profiles = ProfileStore(
            ProfileRules(
                version=config.version,
                v2x=config.v2x,
                discharge_by_limit=config.negative_limit_discharges,
            ),
            tuple(self.evses),
        )
        self.der = DerStore(available=config.v2x and config.der_controls)
        self.certificates = CertificateStore()
        self.communication: Communication = NoCommunication()
        self.dialect: Dialect = (
            Dialect16() if config.version == "1.6" else DialectV2(config.version)
        )
        self.tariff = TariffDisplay()
        self.registration = Registration(self)
        self.sessions = Sessions(self)
        self.rpc.handlers = self.dialect.handlers(self)
        self.online = False
        self.online_changed_s = clock.monotonic()
        self.wants_close = False
        self.connect_not_before_s = 0.0
        self.pull_timers: dict[int, Timer] = {}
        self._frozen: dict[int, Readings] = {}

    def new_id(self) -> str:
        """A random UUID-shaped id, reproducible from the seed."""
        digits = f"{self.rng.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    # the link

    def connected(self) -> None:
        """The websocket is open."""
        offline_s = self.offline_s
        self.online, self.wants_close = True, False
        self.online_changed_s = self.clock.monotonic()
        self.rpc.timeout_s = float(self.settings.message_timeout)
        self.rpc.opened()
        self.profiles.back_online(offline_s)
        self.registration.connected(offline_s)

    def disconnected(self) -> None:
        """The websocket is gone."""
        self.online = False
        self.online_changed_s = self.clock.monotonic()
        self.outbox.close()
        self.rpc.closed()
        self.registration.disconnected()

    def receive(self, text: str) -> None:
        self.rpc.receive(text)

    def run_timers(self) -> None:
        self.timers.run_due()

    def next_timer_s(self) -> float | None:
        """Monotonic time at which :meth:`run_timers` has something to do."""
        return self.timers.next_due_s()

    def ask(
        self,
        action: str,
        payload: Payload,
        on_reply: OnReply = _ignore,
        on_failure: OnFailure = _ignore,
    ) -> None:
        """A request that is lost when the link is."""
        if self.registration.may_send(action):
            self.rpc.call(action, payload, on_reply, on_failure)
        else:
            on_failure("offline")

    def reboot(self, *, boot_reason: str, stop_reason: str) -> None:
        """Ends transactions, drops the link and comes back after ``reboot_s``."""
        self.sessions.stop_all(stop_reason, "ResetCommand")
        self.registration.rebooting(boot_reason)
        self.connect_not_before_s = self.clock.monotonic() + self.config.reboot_s
        self.wants_close = True

    # the power path

    @property
    def offline_s(self) -> float:
        return 0.0 if self.online else self.clock.monotonic() - self.online_changed_s

    def moment(self, evse: Evse) -> Moment:
        return Moment(
            now=self.clock.now(),
            tx_started=evse.tx.started if evse.tx else None,
            offline_s=self.offline_s,
        )

    def n_active(self) -> int:
        """EVSEs that share a station-wide limit."""
        return sum(1 for e in self.evses.values() if e.tx is not None)

    def refresh(self) -> None:
        """Decides what every EVSE may do in this tick."""
        for evse in self.evses.values():
            if evse.tx is not None:
                self.refresh_one(evse)

    def refresh_one(self, evse: Evse) -> None:
        """Decides what one EVSE may do now."""
        profiles = _NO_PROFILES if self.faults.ignore_profiles else self.profiles
        supply = evse.supply(self.n_active())
        grant = evaluate(profiles, evse.config.id, self.moment(evse), supply)
        der = self.der if self.der.controls else None
        evse.refresh(grant, der, self.clock.now())

    def step(self, dt_s: float, f_hz: float) -> float:
        """Integrates all EVSEs; returns their mean power, W."""
        return sum(evse.step(dt_s, f_hz) for evse in self.evses.values())

    def ticked(self) -> None:
        """Notices what the tick has changed: charging states, grid events."""
        self.sessions.notice_states()
        self.dialect.ticked(self)

    def readings(self, evse: Evse) -> Readings:
        """What the meter shows, which a frozen one repeats."""
        if not self.faults.freeze_meter:
            self._frozen.pop(evse.config.id, None)
            return evse.readings()
        return self._frozen.setdefault(evse.config.id, evse.readings())


_NO_PROFILES = ProfileStore(ProfileRules(version="2.1"), ())
