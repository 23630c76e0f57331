"""`python -m copilot.cli.serve_faulty`: the service with a composer that invents numbers, for simulations."""

from copilot.cli.serve import run_on_fast_loop, run_server
from copilot.config import Settings
from copilot.evaluation.simulation.faults import InventingComposer


def main() -> None:
    settings = Settings()
    run_on_fast_loop(run_server(settings, settings.host, settings.port, InventingComposer))


if __name__ == "__main__":
    main()
