"""How a tenant's panel looks: name, colour and logo."""

from typing import Annotated

from pydantic import Field

from copilot.domain.value import Value

Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", examples=["#14616b"])]


class Branding(Value):
    """Empty where the panel's own look stands.

    `accent` is darkened or lightened by the panel until it can be read in each theme; `logo` is an image as a
    data URI, so that no page has to load it from elsewhere.
    """

    name: str = ""
    accent: Colour | None = None
    logo: str | None = None
