"""Prompts and templates: jinja2 in a sandbox, every variable required."""

from copilot.prompts.render import OUR_PROMPTS, Prompts, data_block, render, render_text, variables_of

__all__ = ["OUR_PROMPTS", "Prompts", "data_block", "render", "render_text", "variables_of"]
