"""Properties of OpenDSS classes, in OpenDSS's own order, and what becomes of each.

The order gives bare values their property and abbreviations their name, as in OpenDSS. A property is honoured (read
where the circuit is built), without effect on a snapshot, or neither: then whoever reads the file is told of it.
"""

from __future__ import annotations

_RATINGS = "normamps emergamps faultrate pctperm repair"
_ORDER = {
    "line": "bus1 bus2 linecode length phases r1 x1 r0 x0 c1 c0 rmatrix xmatrix cmatrix switch rg xg rho geometry"
    " units spacing wires earthmodel cncables tscables b1 b0 seasons ratings linetype",
    "linecode": "nphases r1 x1 r0 x0 c1 c0 units rmatrix xmatrix cmatrix basefreq normamps emergamps faultrate"
    " pctperm repair kron rg xg rho neutral b1 b0 seasons ratings linetype",
    "transformer": "phases windings wdg bus conn kv kva tap %r rneut xneut buses conns kvs kvas taps xhl xht xlt"
    " xscarray thermal n m flrise hsrise %loadloss %noloadloss normhkva emerghkva sub maxtap mintap"
    " numtaps subname %imag ppm_antifloat %rs bank xfmrcode xrconst x12 x13 x23 leadlag wdgcurrents core"
    " rdcohms seasons ratings",
    "xfmrcode": "phases windings wdg conn kv kva tap %r rneut xneut conns kvs kvas taps xhl xht xlt xscarray thermal"
    " n m flrise hsrise %loadloss %noloadloss normhkva emerghkva maxtap mintap numtaps %imag ppm_antifloat"
    " %rs x12 x13 x23 rdcohms seasons ratings",
    "regcontrol": "transformer winding vreg band ptratio ctprim r x bus delay reversible revvreg revband revr revx"
    " tapdelay debugtrace maxtapchange inversetime tapwinding vlimit ptphase revthreshold revdelay"
    " revneutral eventlog remoteptratio tapnum reset ldc_z rev_z cogen",
    "capcontrol": "element terminal capacitor type ptratio ctratio onsetting offsetting delay voltoverride vmax vmin"
    " delayoff deadtime ctphase ptphase vbus eventlog usermodel userdata pctminkvar reset controlsignal",
    "swtcontrol": "switchedobj switchedterm action lock delay normal state reset",
    "capacitor": "bus1 bus2 phases kvar kv conn cmatrix cuf r xl harm numsteps states",
    "reactor": "bus1 bus2 phases kvar kv conn rmatrix xmatrix parallel r x rp z1 z2 z0 z rcurve lcurve lmh",
    "load": "phases bus1 kv kw pf model yearly daily duty growth conn kvar rneut xneut status class vminpu vmaxpu"
    " vminnorm vminemerg xfkva allocationfactor kva %mean %stddev cvrwatts cvrvars kwh kwhdays cfactor"
    " cvrcurve numcust zipv %seriesrl relweight vlowpu puxharm xrharm",
    "generator": "phases bus1 kv kw pf kvar model vminpu vmaxpu yearly daily duty dispmode dispvalue conn status class"
    " vpu maxkvar minkvar pvfactor forceon kva mva xd xdp xdpp h d",
    "circuit": "bus1 basekv pu angle frequency phases mvasc3 mvasc1 x1r1 x0r0 isc3 isc1 r1 x1 r0 x0 scantype"
    " sequence bus2 z1 z0 z2 puz1 puz0 puz2 basemva yearly daily duty model puzideal",
}  # fmt: skip
ORDER: dict[str, tuple[str, ...]] = {
    kind: (*names.split(), *_RATINGS.split(), "spectrum", "basefreq", "enabled", "like")
    for kind, names in _ORDER.items()
}
"""Class -> its properties."""

_ALIASES = {"x12": "xhl", "x13": "xht", "x23": "xlt"}
_HONOURED = {
    "line": "bus1 bus2 linecode length phases r1 x1 r0 x0 c1 c0 b1 b0 rmatrix xmatrix cmatrix switch units",
    "linecode": "nphases r1 x1 r0 x0 c1 c0 b1 b0 units rmatrix xmatrix cmatrix basefreq",
    "transformer": "phases windings wdg bus conn kv kva tap %r buses conns kvs kvas taps xhl xht xlt xscarray %loadloss"
    " %noloadloss maxtap mintap numtaps %imag ppm_antifloat %rs xfmrcode leadlag",
    "regcontrol": "transformer winding vreg band ptratio ctprim r x delay maxtapchange",
    "capcontrol": "element terminal capacitor type ptratio ctratio onsetting offsetting delay voltoverride vmax vmin"
    " delayoff ctphase ptphase",
    "swtcontrol": "switchedobj switchedterm action normal state",
    "capacitor": "bus1 bus2 phases kvar kv conn cuf numsteps states r xl",
    "reactor": "bus1 bus2 phases kvar kv conn r x z z1 z0 lmh",
    "load": "phases bus1 kv kw pf model conn kvar status vminpu vmaxpu kva cvrwatts cvrvars zipv vlowpu",
    "generator": "phases bus1 kv kw pf kvar model conn vminpu vmaxpu",
    "circuit": "bus1 basekv pu angle phases mvasc3 mvasc1 x1r1 x0r0 isc3 isc1 r1 x1 r0 x0 z1 z0",
}  # fmt: skip
_HONOURED["xfmrcode"] = _HONOURED["transformer"]
_WITHOUT_EFFECT = {
    "line": "rg xg rho earthmodel",
    "linecode": "rg xg rho neutral",
    "transformer": "thermal n m flrise hsrise normhkva emerghkva sub subname bank wdgcurrents core xrconst rdcohms",
    "regcontrol": "tapdelay debugtrace inversetime eventlog reset",
    "capcontrol": "deadtime eventlog usermodel userdata reset",
    "swtcontrol": "lock delay reset",
    "load": "yearly daily duty growth class vminnorm vminemerg %mean %stddev cvrcurve numcust %seriesrl relweight"
    " puxharm xrharm",
    "generator": "yearly daily duty class forceon kva mva xd xdp xdpp h d pvfactor maxkvar minkvar vpu status",
    "circuit": "scantype yearly daily duty",
}  # fmt: skip
_WITHOUT_EFFECT["xfmrcode"] = _WITHOUT_EFFECT["transformer"]
_EVERYWHERE = frozenset(
    f"{_RATINGS} seasons ratings linetype spectrum basefreq enabled like".split()
)
_OFF = {"n", "no", "f", "false", "0", ""}
"""A property with such a value asks for nothing."""


def full_name(kind: str, key: str) -> str:
    """The property of ``kind`` that ``key`` names: itself, an alias, or the first that it abbreviates."""
    if key in ORDER[kind]:
        return _ALIASES.get(key, key)
    return next((name for name in ORDER[kind] if name.startswith(key)), key)


def unheeded(kind: str, key: str, value: str) -> bool:
    """Whether a property would change a snapshot of the circuit but is not honoured here."""
    known = f"{_HONOURED[kind]} {_WITHOUT_EFFECT.get(kind, '')}".split()
    return key not in known and key not in _EVERYWHERE and value.lower() not in _OFF
