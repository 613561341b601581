"""Qt models over the ledger: rows are fetched off the UI thread, a page at a time."""
