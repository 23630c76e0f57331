"""What a site lets programs read, from its robots.txt, asked once a host (RFC 9309)."""

from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from copilot.adapters.sources.fetching import USER_AGENT, Fetcher
from copilot.domain.errors import CopilotError, NotFound, NotPermitted


class Robots:
    """A site without the file lets everything be read; where it cannot be had, `allows` raises."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._known: dict[str, RobotFileParser | CopilotError] = {}

    def allows(self, url: str) -> bool:
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        if site not in self._known:
            try:
                self._known[site] = self._read(site, parts.hostname or "")
            except CopilotError as error:
                self._known[site] = error  # asked once, not for each page
        rules = self._known[site]
        if isinstance(rules, CopilotError):
            raise rules
        return rules.can_fetch(USER_AGENT, url)

    def _read(self, site: str, host: str) -> RobotFileParser:
        rules = RobotFileParser()
        try:
            content = self._fetcher.get(f"{site}/robots.txt", accept="text/plain").content or b""
        except (NotFound, NotPermitted):
            content = b""
        rules.parse(content.decode("utf-8", "replace").splitlines())
        if (delay := rules.crawl_delay(USER_AGENT)) is not None:
            self._fetcher.slow_down(host, float(delay))
        return rules
