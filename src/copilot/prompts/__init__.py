"""Prompts and templates: jinja2 in a sandbox, every variable required."""

from copilot.prompts.render import data_block, render, render_text, replace_prompts, variables_of

__all__ = ["data_block", "render", "render_text", "replace_prompts", "variables_of"]
