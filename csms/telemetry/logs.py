"""Structured logs: one line per event, secrets taken out before any renderer sees them."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog

from csms.telemetry.redact import HIDDEN, redact

_IN_TEXT = re.compile(
    r"(?i)(\b(?:basic|bearer)\s+)[A-Za-z0-9+/=._~-]{8,}|(://[^/\s:@]*:)[^@\s/]+(?=@)"
)


def configure_logs(
    level: Literal["debug", "info", "warning", "error"],
    format_: Literal["console", "json"],
    stream: TextIO = sys.stderr,
) -> None:
    """Set up structlog, and the standard library's logging through it, once per process."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if format_ == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)


def hide_secrets(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """structlog processor: hide by key as ``redact`` does, and credentials inside free text."""
    meta = {key: event.pop(key) for key in list(event) if key.startswith("_")}
    clean: dict[str, Any] = redact(dict(event))
    for key, value in clean.items():
        if isinstance(value, str):
            clean[key] = scrub(value)
    clean.update(meta)
    return clean


def scrub(text: str) -> str:
    """Free text without the credentials of Authorization headers and URLs."""
    return _IN_TEXT.sub(lambda match: f"{match[1] or match[2]}{HIDDEN}", text)
