"""`@frozen`: a slotted dataclass that mypy holds frozen, and that is built as fast as a plain one.

`dataclass(frozen=True)` sets each field through `object.__setattr__`: with some 250 fields built per call that took a tenth of a
call's CPU (480 us before, 440 after; tests/bench/call_bench.py). Assigning to a field is an error of the type check instead.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Compared and hashed by its fields."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
