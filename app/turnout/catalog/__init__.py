"""Shipped facts: prices, what models can do, the grader's weights."""
