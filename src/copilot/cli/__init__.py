"""The command line: `copilot serve`, `ingest`, `search`, `demo` and the rest."""
