"""HTTP from clients: who may come in, what was asked, and the answer's way out."""
