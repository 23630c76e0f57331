"""Time, ids and vectors."""

from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""Shape (dimensions,), unit length."""
Vectors = NDArray[np.float32]
"""Shape (n, dimensions), rows of unit length."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """A new id such as `conv_0193…`: prefix, underscore, UUIDv7 in hex."""
