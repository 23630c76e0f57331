"""Helpdesks of others: one vendor per file, and the files that describe them."""
