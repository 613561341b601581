"""The nouns: plain frozen values that every layer speaks; no I/O, no clock."""
