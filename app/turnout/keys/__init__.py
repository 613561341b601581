"""Cloud keys in the operating system's keyring, each bound to the origin it was saved for."""
