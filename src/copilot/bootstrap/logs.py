"""How a server's log is written."""

import sys

from copilot.adapters.log_lines import JsonLines, TextLines, set_up_logs
from copilot.assist.redaction import mask
from copilot.config import LogFormat, Settings


def set_up(settings: Settings) -> None:
    """For the whole process, as the settings say. What masks text for models masks messages too."""
    wanted = settings.log_format or (LogFormat.TEXT if sys.stderr.isatty() else LogFormat.JSON)
    lines = JsonLines(mask) if wanted is LogFormat.JSON else TextLines(mask)
    set_up_logs(lines, settings.log_level.value)
