"""Gemini's array form, cut anywhere."""

import json

from turnout.wire.json_array import ArrayDecoder, WholeElements

DOCS = [{"a": 'x "\\] }, {'}, {"b": [[1], {"c": "é\\"}]}, {"d": "\\\\"}, {}]
RAW = b" [ " + b"\r\n,\r\n".join(json.dumps(one, ensure_ascii=False, indent=1).encode() for one in DOCS) + b" ] \n"


def test_elements_are_the_same_wherever_the_network_cuts() -> None:
    for cut in range(len(RAW) + 1):
        decoder = ArrayDecoder()
        found = decoder.feed(RAW[:cut]) + decoder.feed(RAW[cut:])
        assert [json.loads(one) for one in found] == DOCS, cut
        assert decoder.closed


def test_elements_come_out_of_single_bytes() -> None:
    decoder = ArrayDecoder()

    assert [json.loads(one) for i in range(len(RAW)) for one in decoder.feed(RAW[i : i + 1])] == DOCS


def test_only_whole_elements_pass_and_nothing_is_lost() -> None:
    for cut in range(len(RAW) + 1):
        whole = WholeElements()
        first = whole.feed(RAW[:cut])
        assert first == b"" or json.loads(first + b"]")
        assert first + whole.feed(RAW[cut:]) + whole.held == RAW
