"""Design tokens, type scale, icons. Everything visible takes its colour from the Tokens in force, at paint time.

A user's choice of light or dark is our own: `QStyleHints.setColorScheme` does nothing without the GTK platform theme.
Sizes are pixels at 96 dpi and grow with the desktop's font scale through `px`.
"""

from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QPainter, QPalette, QPixmap

from turnout.calls.units import Tier
from turnout.desktop.portal import Portal
from turnout.resources import resource


@dataclass(frozen=True, slots=True)
class Tokens:
    dark: bool
    bg: str
    side: str
    card: str
    raised: str
    """Menus, palettes, hover cards."""
    border: str
    strong: str
    """Borders of what can be pressed or typed in."""
    hover: str
    select: str
    text: str
    muted: str
    faint: str
    accent: str
    fill: str
    """The accent behind white text."""
    accent_bg: str
    track: str
    high: str
    fast: str
    local: str
    amber: str
    pink: str
    teal: str
    good: str
    good_bg: str
    warn: str
    warn_bg: str
    bad: str
    bad_bg: str

    def tier(self, tier: Tier | None) -> str:
        if tier is None:
            return self.faint
        return {Tier.HIGH: self.high, Tier.FAST: self.fast, Tier.LOCAL: self.local}[tier]

    def named(self, name: str) -> str:
        """A token by its field's name, or the colour itself when it is one."""
        return name if name.startswith("#") else str(getattr(self, name))


# `faint` is the lightest text we set: 4.6:1 on a card in both themes.
LIGHT = Tokens(
    dark=False,
    bg="#F7F8FA",
    side="#EFF1F4",
    card="#FFFFFF",
    raised="#FFFFFF",
    border="#E6E9EE",
    strong="#D3D8E0",
    hover="#F2F4F7",
    select="#E3E7EE",
    text="#12151B",
    muted="#545D6B",
    faint="#6C7584",
    accent="#5B5BD6",
    fill="#5B5BD6",
    accent_bg="#ECECFB",
    track="#E9ECF1",
    high="#6E56CF",
    fast="#2E90E5",
    local="#17A67A",
    amber="#D9912B",
    pink="#D4578F",
    teal="#1E9BA8",
    good="#0B7353",
    good_bg="#E2F5EE",
    warn="#8F5A0A",
    warn_bg="#FCF1DC",
    bad="#BE3434",
    bad_bg="#FCE9E9",
)
DARK = Tokens(
    dark=True,
    bg="#0F1115",
    side="#0B0D10",
    card="#16191F",
    raised="#1C2028",
    border="#242932",
    strong="#363D49",
    hover="#1C2028",
    select="#252B36",
    text="#ECEEF2",
    muted="#A1AAB8",
    faint="#808A9A",
    accent="#9595F7",
    fill="#6161DE",
    accent_bg="#22233F",
    track="#262C36",
    high="#9B84F5",
    fast="#4DA8F7",
    local="#34D1A0",
    amber="#E5B454",
    pink="#EE86B4",
    teal="#4CC4D0",
    good="#4ADBAF",
    good_bg="#11302A",
    warn="#E5B454",
    warn_bg="#332814",
    bad="#F58A8A",
    bad_bg="#3A1B1E",
)


class Look(QObject):
    """The theme in force; `changed` after the system or the user switched it."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.choice = "system"
        self.tokens = LIGHT
        self._portal = Portal()
        self._portal.changed.connect(self._settle)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_changed)
        self._settle()

    @property
    def still(self) -> bool:
        """The desktop asks for less motion."""
        return self._portal.still

    def choose(self, choice: str) -> None:
        """`system`, `light` or `dark`; anything else counts as `system`."""
        self.choice = choice
        self._settle()

    def _system_changed(self) -> None:
        self._settle()

    def _settle(self) -> None:
        dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        if self._portal.dark is not None:
            dark = self._portal.dark
        if self.choice in ("light", "dark"):
            dark = self.choice == "dark"
        wanted = DARK if dark else LIGHT
        if wanted is not self.tokens:
            self.tokens = wanted
            self.changed.emit()


@lru_cache(1)
def look() -> Look:
    return Look()


def now() -> Tokens:
    return look().tokens


@lru_cache(1)
def scale() -> float:
    """The desktop's font scale: 1.0 at 96 dpi, 2.0 where people set text to 200 %. High DPI is Qt's own matter."""
    screen = QGuiApplication.primaryScreen()
    dpi = screen.logicalDotsPerInch() if screen is not None else 96.0
    return min(2.5, max(0.8, dpi / 96.0))


def px(size: float) -> int:
    return round(size * scale())


@lru_cache(1)
def load_fonts() -> str:
    for weight in ("Regular", "Medium", "SemiBold", "Bold"):
        QFontDatabase.addApplicationFont(str(resource("fonts", f"Inter-{weight}.otf")))
    return "Inter" if "Inter" in QFontDatabase.families() else QGuiApplication.font().family()


def font(size: float, weight: int = 400, spacing: float = 0.0) -> QFont:
    """Inter at `size` px of the type scale (11, 12, 13, 14, 16, 20, 26)."""
    made = QFont(load_fonts())
    made.setPixelSize(px(size))
    made.setWeight(QFont.Weight(weight))
    # Figures of one width: columns line up and live numbers don't jitter.
    made.setFeature(QFont.Tag("tnum"), 1)
    made.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    if spacing:
        made.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, spacing)
    return made


def mono(size: float = 12.5) -> QFont:
    made = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    made.setPixelSize(px(size))
    return made


@lru_cache(512)
def pixmap(name: str, color: str, size: int, ratio: float = 1.0) -> QPixmap:
    """A Lucide icon, `size` px square, drawn for a screen of that ratio."""
    from PySide6.QtSvg import QSvgRenderer  # a tray that never opens its window need not load it

    svg = resource("icons", f"{name}.svg").read_text(encoding="utf-8")
    svg = svg.replace("currentColor", color).replace('stroke-width="2"', 'stroke-width="1.75"')
    made = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, made.width(), made.height()))
    painter.end()
    made.setDevicePixelRatio(ratio)
    return made


def icon(name: str, color: str, size: int = 16) -> QIcon:
    made = QIcon()
    # For the screens there are: each picture costs a millisecond, and a first window has a dozen icons.
    for ratio in sorted({1.0, *(screen.devicePixelRatio() for screen in QGuiApplication.screens())}):
        made.addPixmap(pixmap(name, color, size, ratio))
    return made


def color(name: str, alpha: float = 1.0) -> QColor:
    made = QColor(now().named(name))
    if alpha < 1.0:
        made.setAlphaF(alpha)
    return made


def palette(t: Tokens) -> QPalette:
    made = QPalette()
    role = QPalette.ColorRole
    for where, value in (
        (role.Window, t.bg),
        (role.Base, t.card),
        (role.AlternateBase, t.hover),
        (role.Button, t.card),
        (role.Text, t.text),
        (role.WindowText, t.text),
        (role.ButtonText, t.text),
        (role.Highlight, t.fill),
        (role.HighlightedText, "#FFFFFF"),
        (role.PlaceholderText, t.faint),
        (role.ToolTipBase, t.raised),
        (role.ToolTipText, t.text),
        (role.Mid, t.border),
        (role.Accent, t.accent),
    ):
        made.setColor(where, QColor(value))
    return made


def reduced_motion() -> bool:
    """Whether the desktop asks for no animations."""
    from PySide6.QtWidgets import QApplication, QStyle

    app = QApplication.instance()
    if not isinstance(app, QApplication):
        return True
    return look().still or app.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) == 0
