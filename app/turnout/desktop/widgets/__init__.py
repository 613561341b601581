"""The small parts every page is made of. They show values and emit what was asked; they hold no rules and do no I/O."""

from turnout.desktop.widgets.boxes import GUTTER, Card, Part, Scroll, clear, column, holding, row, rule
from turnout.desktop.widgets.buttons import Button, Expander, Pressable, Segments, Switch
from turnout.desktop.widgets.fields import Combo, Field, Search
from turnout.desktop.widgets.marks import Dot, Glyph
from turnout.desktop.widgets.notes import Empty, Note
from turnout.desktop.widgets.words import Elided, aside, keyed, label, page_title, pill, plain, repill, retone, section

__all__ = [
    "GUTTER",
    "Button",
    "Card",
    "Combo",
    "Dot",
    "Elided",
    "Empty",
    "Expander",
    "Field",
    "Glyph",
    "Note",
    "Part",
    "Pressable",
    "Scroll",
    "Search",
    "Segments",
    "Switch",
    "aside",
    "clear",
    "column",
    "holding",
    "keyed",
    "label",
    "page_title",
    "pill",
    "plain",
    "repill",
    "retone",
    "row",
    "rule",
    "section",
]
