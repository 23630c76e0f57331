"""Whether links to the web still lead somewhere, on the hosts that somebody has named."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from copilot.adapters.sources.fetching import Fetcher, FetchLimits
from copilot.domain.errors import CopilotError, TooLarge

_LIMITS = FetchLimits(tries=2, total=20.0, answer_bytes=2 * 2**20)


class LinkChecker:
    """Calls are blocking. Addresses on other hosts are left alone: nothing is known of them."""

    def __init__(self, hosts: Iterable[str], fetcher: Fetcher | None = None) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._fetcher = fetcher or Fetcher(self._hosts, limits=_LIMITS)

    def __call__(self, address: str) -> str | None:
        """What is wrong with it, or None."""
        try:
            if (urlsplit(address).hostname or "") not in self._hosts:
                return None
            self._fetcher.get(address)
        except TooLarge:
            return None  # it is there
        except CopilotError as error:
            return error.message
        except ValueError:
            return "this is not an address."
        return None

    def close(self) -> None:
        self._fetcher.close()
