"""What an engine's error repeats of the call is kept out of ledger and log: engines quote prompts and keys back (T09). Pure.

The client is told the error as it came; only what is written down is shortened. Short echoes (a word of the prompt that any
message might hold) stay: without them no error could be read.
"""

LEAST = 12
"""Characters; a run of words that is shorter is no echo."""
_LONGEST = 2_000
_EDGES = "\"'`“”‘’«»()[]{}<>.,:;!?"
GAP = "[...]"


def without_echo(message: str, texts: tuple[str, ...]) -> str:
    """The message with every run of words that stands in one of the texts as well replaced by a gap."""
    words = message[:_LONGEST].split(" ")
    if not any(texts):
        return " ".join(words)
    kept: list[str] = []
    at = 0
    while at < len(words):
        end = _echoed(words, at, texts)
        if end > at:
            if kept[-1:] != [GAP]:
                kept.append(GAP)
            at = end
        else:
            kept.append(words[at])
            at += 1
    return " ".join(kept)


def _echoed(words: list[str], at: int, texts: tuple[str, ...]) -> int:
    """Where the longest echo that begins at this word ends; `at`: there is none."""
    found = at
    for end in range(at + 1, len(words) + 1):
        run = " ".join(words[at:end]).strip(_EDGES)
        if not run or not any(run in text for text in texts):
            break
        if len(run) >= LEAST:
            found = end
    return found
