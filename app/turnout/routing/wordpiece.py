"""WordPiece as BERT's uncased models read text: lower case without accents, signs apart, then the longest known pieces.

Written from the published description; the vocabulary comes as an argument. Pure, and bounded by `limit`.
"""

import unicodedata
from collections.abc import Mapping

_LONGEST_WORD = 100
"""Characters; a longer word is unknown as a whole, as in the original."""
_IDEOGRAPHS = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0xF900, 0xFAFF), (0x20000, 0x2FA1F))
CLS, SEP, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"


def token_ids(text: str, vocabulary: Mapping[str, int], limit: int) -> list[int]:
    """With [CLS] before and [SEP] behind; at most `limit` in all. Of a text only as much is read as can fill it."""
    room = limit - 2
    found: list[int] = []
    for word in _words(text[: limit * 12]):
        found.extend(_pieces(word, vocabulary))
        if len(found) >= room:
            break
    return [vocabulary[CLS], *found[:room], vocabulary[SEP]]


def _words(text: str) -> list[str]:
    """Split at white space, around every punctuation mark and every ideograph."""
    plain = text.lower()
    if not plain.isascii():
        plain = "".join(one for one in unicodedata.normalize("NFD", plain) if unicodedata.category(one) != "Mn")
    parts: list[str] = []
    for one in plain:
        if one.isalnum() and not _ideograph(one):
            parts.append(one)
        elif one.isspace():
            parts.append(" ")
        elif one.isprintable():
            parts.append(f" {one} ")
    return "".join(parts).split()


def _ideograph(one: str) -> bool:
    code = ord(one)
    return code >= 0x3400 and any(low <= code <= high for low, high in _IDEOGRAPHS)


def _pieces(word: str, vocabulary: Mapping[str, int]) -> list[int]:
    whole = vocabulary.get(word)
    if whole is not None:
        return [whole]
    unknown = [vocabulary[UNKNOWN]]
    if len(word) > _LONGEST_WORD:
        return unknown
    found: list[int] = []
    start, mark = 0, ""
    while start < len(word):
        end = len(word)
        while end > start:
            at = vocabulary.get(mark + word[start:end])
            if at is not None:
                found.append(at)
                break
            end -= 1
        else:
            return unknown
        start, mark = end, "##"
    return found
