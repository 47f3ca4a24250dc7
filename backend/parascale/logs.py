"""How much our processes say, by the environment variable PARASCALE_LOG; and events, a line each."""

import json
import logging
import logging.handlers
import os
import re
import time
from pathlib import Path
from typing import Literal

LogFormat = Literal["text", "json"]

_PLAIN = re.compile(r"[\w.,:;/+*@%()-]*")  # a text that is not quoted: no space, and no end of a line
_FILE_BYTES, _FILES = 10 << 20, 5


def log_level() -> int | None:
    """Return the level that PARASCALE_LOG names, warnings where it is not set; None where it is no level."""
    asked = os.environ.get("PARASCALE_LOG", "").strip().upper()
    return logging.getLevelNamesMapping().get(asked) if asked else logging.WARNING


def log_event(log: logging.Logger, event: str, **facts: object) -> None:
    """Log something that happened, with its facts: ``event name=value ...``, or as JSON where that is the format."""
    if not log.isEnabledFor(logging.INFO):
        return
    texts = {name: str(value) for name, value in facts.items()}
    told = " ".join(f"{name}={text if _PLAIN.fullmatch(text) else repr(text)}" for name, text in texts.items())
    log.info("%s %s", event, told, extra={"event": event, "facts": facts})


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (seconds since 1970), level, logger, event and its facts, or message."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        line: dict[str, object] = {"time": round(record.created, 3), "level": record.levelname.lower()}
        line["logger"] = record.name
        event = getattr(record, "event", None)
        line |= {"message": record.getMessage()} if event is None else {"event": event, **getattr(record, "facts", {})}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """One line with the time in UTC."""

    def __init__(self) -> None:
        self.converter = time.gmtime
        super().__init__("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")


def log_service(format_: LogFormat, file: Path | None) -> None:
    """Log what a service does, events included: to standard error, or to a file that rotates at 10 MiB, five of them.

    Raises
    ------
    OSError
        Where the file cannot be written.
    """
    handler: logging.Handler = logging.StreamHandler()
    if file is not None:
        handler = logging.handlers.RotatingFileHandler(file, maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8")
    handler.setFormatter(JsonFormatter() if format_ == "json" else TextFormatter())
    own = logging.getLogger("parascale")
    own.addHandler(handler)
    own.setLevel(min(logging.INFO, log_level() or logging.INFO))
    own.propagate = False
