"""Charging profiles: what a station holds and what they allow. Pure."""

from charger_sim.station.profiles.composite import Grant, Moment, Supply, composite, evaluate
from charger_sim.station.profiles.model import PURPOSES, Profile, parse_profile
from charger_sim.station.profiles.store import ProfileRefused, ProfileRules, ProfileStore

__all__ = [
    "PURPOSES",
    "Grant",
    "Moment",
    "Profile",
    "ProfileRefused",
    "ProfileRules",
    "ProfileStore",
    "Supply",
    "composite",
    "evaluate",
    "parse_profile",
]
