"""How long a handshake takes, measured and predicted, step by step.

Measured: real sessions, from TCP connect to AuthorizationRes(Finished). Predicted: from primitives
timed in the same run and from counts of operations (`predict`), never from a measured session.
"""

from __future__ import annotations

from charger_sim.iso15118.handshake.flow import Auth, Flow, Party, Transport
from charger_sim.iso15118.handshake.measure import measure
from charger_sim.iso15118.handshake.report import Report, StepReport

__all__ = ["Auth", "Flow", "Party", "Report", "StepReport", "Transport", "measure"]
