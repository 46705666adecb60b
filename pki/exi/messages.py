"""Which schema table a V2GTP payload is coded by.

Payload types: ISO 15118-2 table 10, ISO 15118-20 table 14 (V2G20-2367).
"""

from __future__ import annotations

from pki.exi.errors import ExiSchemaError

APP_PROTOCOL = "app_protocol"
DIN_70121 = "din_70121"
ISO15118_2 = "iso15118_2"
ISO15118_20_COMMON_MESSAGES = "iso15118_20_common_messages"
ISO15118_20_AC = "iso15118_20_ac"
ISO15118_20_AC_DER_IEC = "iso15118_20_ac_der_iec"
ISO15118_20_AC_DER_SAE = "iso15118_20_ac_der_sae"
ISO15118_20_DC = "iso15118_20_dc"
ISO15118_20_WPT = "iso15118_20_wpt"
ISO15118_20_ACDP = "iso15118_20_acdp"

_EXI_PAYLOAD = 0x8001
_TABLE_OF_PROTOCOL = {
    None: APP_PROTOCOL,
    "urn:din:70121:2012:MsgDef": DIN_70121,
    "urn:iso:15118:2:2013:MsgDef": ISO15118_2,
}
_AC_PAYLOAD = 0x8003
_TABLE_OF_AC_PROTOCOL = {
    "urn:iso:std:iso:15118:-20:AC-DER-IEC": ISO15118_20_AC_DER_IEC,
    "urn:iso:std:iso:15118:-20:AC-DER-SAE": ISO15118_20_AC_DER_SAE,
}
_TABLE_OF_PAYLOAD = {
    0x8002: ISO15118_20_COMMON_MESSAGES,
    _AC_PAYLOAD: ISO15118_20_AC,
    0x8004: ISO15118_20_DC,
    0x8005: ISO15118_20_ACDP,
    0x8006: ISO15118_20_WPT,
    0x8101: ISO15118_20_COMMON_MESSAGES,  # ScheduleRenegotiation
    0x8102: ISO15118_20_COMMON_MESSAGES,  # MeteringConfirmation
    0x8103: ISO15118_20_ACDP,  # ACDP_SystemStatus
    0x8104: ISO15118_20_COMMON_MESSAGES,  # VehicleCheckIn, VehicleCheckOut
}


def table_of_payload(payload_type: int, protocol: str | None = None) -> str:
    """The table for an EXI payload of V2GTP.

    `protocol` is the ProtocolNamespace that supportedAppProtocolRes has chosen, None before: the
    payload type 0x8001 serves supportedAppProtocol, DIN SPEC 70121 and ISO 15118-2 alike.
    Raises ExiSchemaError for a payload that is not EXI, or an unknown protocol.
    """
    if payload_type == _EXI_PAYLOAD:
        if protocol not in _TABLE_OF_PROTOCOL:
            raise ExiSchemaError(f"payload type 0x8001 does not carry {protocol!r}")
        return _TABLE_OF_PROTOCOL[protocol]
    if payload_type == _AC_PAYLOAD and protocol in _TABLE_OF_AC_PROTOCOL:
        return _TABLE_OF_AC_PROTOCOL[protocol]
    if payload_type not in _TABLE_OF_PAYLOAD:
        raise ExiSchemaError(f"payload type {payload_type:#06x} does not carry EXI")
    return _TABLE_OF_PAYLOAD[payload_type]
