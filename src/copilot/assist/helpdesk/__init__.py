"""Conversations of outside helpdesks: taken in by webhook, answered by private notes."""
