"""OCPP 2.1 actions (Part 2, messages): those of 2.0.1 and the additions."""

from __future__ import annotations

from csms.ocppj.messages import v201
from csms.ocppj.messages.table import table

ACTIONS = table(
    station=v201.STATION_ACTIONS
    + """
        BatterySwap ClosePeriodicEventStream GetCertificateChainStatus NotifyDERAlarm NotifyDERStartStop
        NotifyPriorityCharging NotifySettlement OpenPeriodicEventStream PullDynamicScheduleUpdate
        ReportDERControl VatNumberValidation
    """,
    csms=v201.CSMS_ACTIONS
    + """
        AFRRSignal AdjustPeriodicEventStream ChangeTransactionTariff ClearDERControl ClearTariffs
        GetDERControl GetPeriodicEventStream GetTariffs NotifyAllowedEnergyTransfer
        NotifyWebPaymentStarted RequestBatterySwap SetDERControl SetDefaultTariff UpdateDynamicSchedule
        UsePriorityCharging
    """,
    both="DataTransfer",
    sends="NotifyPeriodicEventStream",
)
