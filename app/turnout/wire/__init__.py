"""Bytes <-> nouns, one folder a dialect, sans-I/O. No dialect knows another: each reads into and writes from `calls`."""
