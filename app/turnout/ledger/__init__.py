"""Money and calls on disk: one writer in the proxy, short-lived readers everywhere else."""
