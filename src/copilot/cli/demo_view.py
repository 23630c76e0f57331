"""Shows a live conversation in a terminal: what was said, and each event as a card."""

from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from copilot.evaluation.live_client import ReceivedEvent
from copilot.evaluation.player import Timing

_SPEAKERS = {"customer": ("Customer", "bold cyan"), "representative": ("Representative", "bold green")}
_SUPPORT = {"supported": "✓", "fact": "●", "template": "·", "unsupported": "✗"}
_OUTCOME = {"allow": "green", "needs_supervisor": "yellow", "deny": "red"}


class DemoView:
    """Prints steps and events; holds only what it needs to print a draft as it streams."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._streaming = ""

    def step(self, kind: str, text: str) -> None:
        """What a person did: spoke, approved, …"""
        name, style = _SPEAKERS.get(kind, (kind.replace("-", " ").capitalize(), "bold magenta"))
        self._console.print()
        self._console.print(f"[{style}]{name}[/] {escape(text)}")

    def event(self, event: ReceivedEvent, milliseconds: float) -> None:
        """One event; types without a card of their own are not shown."""
        if event.type == "suggestion.delta":
            self._delta(event.data)
            return
        if self._streaming:
            self._console.print()
            self._streaming = ""
        render = getattr(self, "_" + event.type.replace(".", "_"), None)
        card = render(event.data) if render else None
        if card is not None:
            self._console.print(Padding(card, (0, 0, 0, 2)), Text(f"  {milliseconds:.0f} ms", style="dim"))

    def timings(self, timings: list[Timing]) -> None:
        """A table of the first event of each type after each step."""
        table = Table(title="Milliseconds from the POST to each event", title_justify="left")
        table.add_column("step")
        table.add_column("event")
        table.add_column("ms", justify="right")
        previous = ""
        for timing in timings:
            table.add_row(
                timing.cause if timing.cause != previous else "", timing.event, f"{timing.milliseconds:.1f}"
            )
            previous = timing.cause
        self._console.print(table)

    def _delta(self, data: dict[str, Any]) -> None:
        if data["suggestion_id"] != self._streaming:
            self._streaming = data["suggestion_id"]
            self._console.print(f"  [dim]draft ({data['drafter']})[/] ", end="")
        self._console.print(escape(data["text"]), end="", style="italic", soft_wrap=True)

    def _understanding(self, data: dict[str, Any]) -> Text:
        intent = data["intent"]
        what = f"{intent['title']} ({intent['confidence']:.0%})" if intent else "no playbook matches"
        entities = ", ".join(f"{e['kind']} {e['value']}" for e in data["entities"])
        line = f"understood  {what} · {data['sentiment']['label']}" + (f" · {entities}" if entities else "")
        return Text(line, style="dim")

    def _knowledge(self, data: dict[str, Any]) -> Panel | Text:
        if not data["cards"]:
            return (
                Text("knowledge   not in the knowledge base", style="yellow")
                if not data["answered"]
                else Text("")
            )
        lines = []
        for card in data["cards"]:
            where = card["citation"]
            place = " › ".join([where["title"], *where["heading_path"][-1:]])
            internal = " [red](internal)[/]" if where["audience"] == "internal" else ""
            lines.append(
                f"“{escape(where['quote'])}”\n  [dim]{escape(place)} · v{where['version']} · "
                f"{card['confidence']:.0%}[/]{internal}"
            )
        return Panel("\n".join(lines), title="knowledge", title_align="left", border_style="blue")

    def _tool_result(self, data: dict[str, Any]) -> Panel:
        result = data["result"]
        if not result["ok"]:
            return Panel(
                escape(result["error"] or "failed"), title=result["call"]["tool"], border_style="red"
            )
        view = data.get("order_view") or {}
        lines = [
            f"{order['id']} · {order['status']} · " + ", ".join(item["name"] for item in order["items"])
            for order in view.get("orders", ())
        ]
        return Panel(escape("\n".join(lines) or "done"), title=result["call"]["tool"], title_align="left")

    def _next_actions(self, data: dict[str, Any]) -> Panel | None:
        rows: list[Text | str] = []
        for number, action in enumerate(data["actions"], 1):
            rows.append(f"[bold]{number}. {escape(action['title'])}[/] [dim]{escape(action['why'])}[/]")
            decision = action.get("decision")
            if decision:
                colour = _OUTCOME[decision["outcome"]]
                said = "; ".join(
                    f"{f['because']} · {f['clause']['title'] or f['clause']['document']} "
                    f"§{f['clause']['clause']}"
                    for f in decision["findings"]
                )
                rows.append(f"   [{colour}]{decision['outcome'].replace('_', ' ')}[/] {escape(said)}")
            if action.get("action_id"):
                rows.append(f"   [yellow]waits for approval:[/] {escape(action.get('preview') or '')}")
        return (
            Panel(Group(*rows), title="next actions", title_align="left", border_style="yellow")
            if rows
            else None
        )

    def _suggestion_completed(self, data: dict[str, Any]) -> Panel:
        lines = []
        for sentence in data["sentences"]:
            cited = "".join(
                f" [{c['external_id']}{' §' + c['clause'] if c['clause'] else ''}]"
                for c in sentence["citations"]
            )
            lines.append(f"{_SUPPORT[sentence['support']]} {escape(sentence['text'])}[dim]{escape(cited)}[/]")
        return Panel(
            "\n".join(lines),
            title=f"reply draft · {data['drafter']}",
            title_align="left",
            border_style="green",
        )

    def _suggestion_blocked(self, data: dict[str, Any]) -> Text:
        return Text(f"no draft by {data['drafter']}: {data['message']}", style="yellow")

    def _action_updated(self, data: dict[str, Any]) -> Text:
        return Text(f"{data['preview']}: {data['status'].replace('_', ' ')}", style="bold")

    def _summary(self, data: dict[str, Any]) -> Text | None:
        issue = data.get("issue")
        return (
            Text(
                f"summary     {issue['text']}" + (f" → {data['next_step']}" if data["next_step"] else ""),
                style="dim",
            )
            if issue
            else None
        )

    def _wrap_up(self, data: dict[str, Any]) -> Panel:
        return Panel(
            escape(data["case_note"]),
            title=f"case note · {data['disposition']['title']}",
            title_align="left",
            border_style="magenta",
        )

    def _degraded(self, data: dict[str, Any]) -> Text:
        return Text(f"degraded: {data['component']}: {data['message']}", style="red")
