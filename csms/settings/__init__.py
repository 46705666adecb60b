"""What an operator may choose: the model, how it is read, and the commented TOML made from it."""

from __future__ import annotations

from csms.settings.load import SettingsError, load_settings
from csms.settings.model import Settings
from csms.settings.render import render_toml

__all__ = ["Settings", "SettingsError", "load_settings", "render_toml"]
