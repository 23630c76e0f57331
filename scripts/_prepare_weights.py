"""Make at install time what the first start would otherwise wait for. Prints `i/n what` before each part."""

import sys

from copilot.adapters.local_llm import prepare_model
from copilot.adapters.minilm import export_model
from copilot.adapters.model_files import default_cache_dir
from copilot.adapters.tiktoken_counter import CACHE_NAMES, prepare_vocabulary
from copilot.domain.errors import CopilotError


def prepare_weights() -> None:
    folder = default_cache_dir()
    total = 1 + len(CACHE_NAMES)
    print(f"1/{total} exporting all-MiniLM-L6-v2", flush=True)
    export_model(folder)
    for number, encoding in enumerate(CACHE_NAMES, start=2):
        print(f"{number}/{total} unpacking the vocabulary {encoding}", flush=True)
        prepare_vocabulary(encoding, folder)


def join_local_llm() -> None:
    def on_progress(part: int, parts: int) -> None:
        print(f"{part}/{parts} part {part} of {parts}", flush=True)

    prepare_model(on_progress=on_progress)


if __name__ == "__main__":
    try:
        {"weights": prepare_weights, "local-llm": join_local_llm}[sys.argv[1]]()
    except CopilotError as error:
        sys.exit(f"Error: {error}")
