"""What a simulation is told by name, on the command line and in reports."""

from enum import StrEnum


class Profile(StrEnum):
    """Habits of a representative."""

    ACCEPTS = "accepts"
    EDITS = "edits"
    IGNORES = "ignores"
    RUBBER_STAMPS = "rubber-stamps"
    CAREFUL = "careful"


class Fault(StrEnum):
    """Planted in the service."""

    INVENTED_NUMBER = "invented-number"
    """Drafts that add to every number they say."""
    WRONG_AMOUNT = "wrong-amount"
    """Playbooks that propose to refund the whole order where a part of it is due."""
