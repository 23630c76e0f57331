"""`python -m copilot.cli.serve_faulty`: the service with a composer that invents numbers, for simulations."""

import asyncio

from copilot.cli.serve import run_server
from copilot.config import Settings
from copilot.evaluation.simulation.faults import InventingComposer


def main() -> None:
    settings = Settings()
    asyncio.run(run_server(settings, settings.host, settings.port, InventingComposer))


if __name__ == "__main__":
    main()
