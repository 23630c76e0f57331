"""Finished conversations, played again: against the present system and against another one."""
