"""What goes along with a notification."""

from pytestqt.qtbot import QtBot

from turnout.desktop.bubbles import ICON_PX, icon_data


def test_the_icon_goes_along_as_pixels_with_its_own_ground(qtbot: QtBot) -> None:
    width, height, stride, alpha, bits, channels, pixels = icon_data()
    assert (width, height, alpha, bits, channels) == (ICON_PX, ICON_PX, True, 8, 4)
    assert len(pixels) == stride * height
    corner, middle = pixels[:4], pixels[stride * (height // 2) + 4 * (width // 4) :][:4]
    assert corner[3] == 0
    assert middle[3] == 255
