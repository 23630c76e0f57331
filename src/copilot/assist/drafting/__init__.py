"""Two ways to draft a reply behind one port: the composer and the LLM."""
