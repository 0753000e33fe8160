"""The one door to logging: structured lines, without secrets and without buyer data.

Invariant: every value passes `redact`; keys that may carry secrets or buyer data are blanked whatever their content.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_PRIVATE = (
    "password", "secret", "token", "authorization", "cookie", "session", "credential", "signature", "api_key",
    "buyer", "ship_to", "address", "phone", "mobile", "email", "receiver", "body", "payload",
)  # fmt: skip
_MAX_CHARS = 1000


def redact(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank private keys and cut long values."""
    for key, value in line.items():
        if any(part in key.lower() for part in _PRIVATE):
            line[key] = "[left out]"
        elif isinstance(value, str) and len(value) > _MAX_CHARS:
            line[key] = value[:_MAX_CHARS] + "..."
    return line


def configure(level: str = "info", *, json_lines: bool = True, process: str = "") -> None:
    """Set up logging once, at the edge of a process. JSON lines in production, readable text on a terminal."""
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json_lines
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the pretty one prints local variables, secrets too
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if json_lines else []),
            redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    if process:
        structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for one module."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
