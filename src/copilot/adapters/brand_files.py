"""Logos, read from files into the branding that the panel asks for."""

import base64
from pathlib import Path

from copilot.domain.branding import Branding
from copilot.domain.errors import ConfigurationError

_KINDS = {".png": "png", ".svg": "svg+xml", ".webp": "webp", ".jpg": "jpeg", ".jpeg": "jpeg"}
_MAX_BYTES = 64 * 1024


def read_branding(name: str, accent: str | None, logo: Path | None) -> Branding:
    """Raises ConfigurationError for a logo that cannot be read, is no image by its name, or over 64 KB."""
    return Branding(name=name, accent=accent, logo=_data_uri(logo) if logo else None)


def _data_uri(path: Path) -> str:
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise ConfigurationError(
            f"the logo is no image that browsers show: {path.name}",
            where="COPILOT_BRANDING",
            hint=f"Expected a file ending in {', '.join(_KINDS)}.",
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the logo cannot be read: {path}", where="COPILOT_BRANDING", hint=str(error.strerror)
        ) from error
    if len(content) > _MAX_BYTES:
        raise ConfigurationError(
            f"the logo is too large: {path.name} has {len(content):,} bytes",
            where="COPILOT_BRANDING",
            hint=f"At most {_MAX_BYTES:,}; it is shown 28 pixels high.",
        )
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
