"""Policies and playbooks as people edit them in the console."""

from collections.abc import Callable
from dataclasses import dataclass

from copilot.adapters.classifier_training import ExpertTrainer
from copilot.adapters.clock import SystemClock
from copilot.adapters.rule_files import PlaybookFolder, PolicyFolder
from copilot.assist.rule_books import PlaybookBook, PolicyBook
from copilot.assist.training import LivePathTrainer
from copilot.bootstrap.state import State
from copilot.config import Settings
from copilot.ports import Embedder
from copilot.prompts import render_text
from copilot.tools.catalog import Catalog


@dataclass(frozen=True)
class RuleBooks:
    policies: PolicyBook
    playbooks: PlaybookBook


def rule_books(
    settings: Settings, state: State, embedder: Embedder, catalog: Catalog, on_changed: Callable[[str], None]
) -> RuleBooks:
    """Over the files beside the articles, which belong to the settings' tenant."""
    clock = SystemClock()
    return RuleBooks(
        policies=PolicyBook(
            settings.tenant,
            PolicyFolder(settings.policies_dir),
            state.knowledge,
            state.ledger,
            clock,
            render_text,
        ),
        playbooks=PlaybookBook(
            settings.tenant,
            PlaybookFolder(settings.playbooks_dir),
            state.knowledge,
            state.ledger,
            clock,
            LivePathTrainer(ExpertTrainer(), embedder, state.knowledge),
            on_changed,
            lambda: frozenset(tool.name for tool in catalog),
        ),
    )
