"""Text to tokens, with tiktoken and the encodings in resources/."""
