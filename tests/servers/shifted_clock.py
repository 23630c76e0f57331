"""`copilot` with a clock that jumps: by the seconds in the file that COPILOT_TEST_CLOCK names."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from copilot.adapters.clock import SystemClock
from copilot.cli.app import main

VARIABLE = "COPILOT_TEST_CLOCK"


def now(_: SystemClock) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=float(Path(os.environ[VARIABLE]).read_text()))


if __name__ == "__main__":
    SystemClock.now = now  # type: ignore[method-assign]
    main()
