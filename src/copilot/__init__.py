"""Agent-assist copilot: knowledge, grounded replies and next actions for customer-service representatives."""

__version__ = "0.1.0"
