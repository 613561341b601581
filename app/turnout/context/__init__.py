"""Summaries of long histories and the index of references."""
