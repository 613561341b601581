"""Turnout: sends each LLM call down the right track, under hard budgets, and shows where the money went."""

__version__ = "0.1.0"
