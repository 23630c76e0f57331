"""Ending what runs in the background."""

import asyncio
from typing import Any

_PATIENCE_SECONDS = 10.0


async def ended(*tasks: asyncio.Task[Any], patience: float = _PATIENCE_SECONDS) -> None:
    """Cancels them and waits until they have ended; what is not told so within `patience` is cancelled again.

    A client that is cancelled while its server dies may raise its own error instead: whoever takes that for a
    failure and tries again has never heard of being cancelled, and would be waited for for ever.
    """
    while going := [task for task in tasks if not task.done()]:
        for task in going:
            task.cancel()
        await asyncio.wait(going, timeout=patience)
