"""What happened in a conversation, as steps of a flow: what next steps are learned from and ranked after."""

from pydantic import Field

from copilot.domain.value import Value

FoundValue = str | int | float | bool | None | tuple[str, ...]


class CustomerSaid(Value):
    text: str


class OwnWords(Value):
    """The representative's own words; `like` is the step that they come to, if any."""

    text: str
    like: str | None = None


class StepTaken(Value):
    """A step of the flow was done.

    `variant` tells calls of one tool apart (to check, to book); `given` are the arguments that were filled.
    """

    step: str
    variant: str = ""
    given: dict[str, str] = Field(default_factory=dict)


class LookedUp(Value):
    """What a look-up brought; empty when it found nothing."""

    found: dict[str, FoundValue] = Field(default_factory=dict)


EpisodeEvent = CustomerSaid | OwnWords | StepTaken | LookedUp


class Episode(Value):
    """One conversation; `flows` are the intents that it is about."""

    id: str
    flows: tuple[str, ...]
    events: tuple[EpisodeEvent, ...]

    @property
    def steps_taken(self) -> int:
        return sum(isinstance(event, StepTaken) for event in self.events)
