"""JSON with something wrong in it, anywhere."""

from typing import Any

from hypothesis import strategies as st

value = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "role", "content", "name", "id", "error", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def places(doc: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = doc.items() if isinstance(doc, dict) else enumerate(doc) if isinstance(doc, list) else ()
    return [path, *(one for key, below in inner for one in places(below, (*path, key)))]


def changed(doc: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(doc) if isinstance(doc, dict) else list(doc)
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


def mutated(data: st.DataObject, doc: Any) -> Any:
    for _ in range(data.draw(st.integers(1, 2))):
        doc = changed(doc, data.draw(st.sampled_from(places(doc))), data.draw(value))
    return doc
