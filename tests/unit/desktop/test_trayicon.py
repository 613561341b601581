"""The tray's icon as pixels: what it must show at every size a panel may ask for."""

from itertools import combinations

import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from turnout.desktop.trayicon import SIZES, Glyph, icon, picture

STATES = (
    *(Glyph(track, 13) for track in ("auto", "local", "cloud", "passthrough", "paused")),
    Glyph("auto", 3),
    Glyph("auto"),
    Glyph("auto", 13, warning=True),
    Glyph("paused", down=True),
)


def drawn(what: Glyph, size: int) -> QImage:
    return picture(what, size).toImage()


@pytest.mark.parametrize("size", SIZES)
def test_the_stem_has_no_grey_edge_at_any_size(qtbot: QtBot, size: int) -> None:
    image, row, middle = drawn(Glyph("passthrough", panel="light"), size), size // 2, size // 2
    alphas = [image.pixelColor(x, row).alpha() for x in range(size // 4, size - size // 4)]
    assert set(alphas) == {0, 255}, "a stem between two pixels is a blur"
    assert image.pixelColor(middle - 1, row).alpha() == image.pixelColor(middle, row).alpha() == 255


@pytest.mark.parametrize("panel", ["light", "dark", "any"])
@pytest.mark.parametrize("size", [16, 22])
def test_no_two_states_look_alike_even_when_small(qtbot: QtBot, size: int, panel: str) -> None:
    from dataclasses import replace

    pictures = [drawn(replace(state, panel=panel), size) for state in STATES]
    for one, other in combinations(pictures, 2):
        differing = sum(one.pixel(x, y) != other.pixel(x, y) for x in range(size) for y in range(size))
        assert differing >= size // 3


def test_where_the_panel_is_unknown_the_icon_brings_its_own_ground(qtbot: QtBot) -> None:
    image = drawn(Glyph("auto", panel="any"), 22)
    assert image.pixelColor(6, 16).alpha() == 255
    assert drawn(Glyph("auto", panel="dark"), 22).pixelColor(6, 16).alpha() == 0


def test_every_size_of_a_panel_has_a_picture_of_its_own(qtbot: QtBot) -> None:
    made = icon(Glyph("auto", 13))
    assert {(size.width(), size.height()) for size in made.availableSizes()} == {(size, size) for size in SIZES}
