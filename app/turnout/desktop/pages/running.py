"""What runs now, each call with a meter of its stream; rows stay the same widgets while their calls run, so nothing flickers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from turnout.calls.units import Tier
from turnout.control.messages import Running
from turnout.desktop import text
from turnout.desktop.charts import Meter
from turnout.desktop.text import tr
from turnout.desktop.theme import px
from turnout.desktop.widgets import Card, Elided, column, holding, label, row, section

SHOWN = 6
FULL_PER_S = 120
"""Tokens a second that fill the meter: fast for a cloud model, rare for a local one."""


@dataclass(slots=True)
class _Row:
    whole: QWidget
    words: QLabel
    meter: Meter
    tokens: int
    at: float
    speed: float = 0.0


class RunningCard(Card):
    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._running: Sequence[Running] = ()
        self._box = QVBoxLayout()
        self._box.setSpacing(px(10))
        self._count = label("", 12, 400, "faint")
        self._nothing = label(tr("Nothing is running."), 13, 400, "faint")
        self._more = label("", 12, 400, "faint")
        super().__init__(
            row(section(tr("Running now")), self._count, None), 2, self._nothing, self._box, self._more, None, spacing=8
        )
        self._more.hide()
        self.setAccessibleName(tr("Running now"))
        # A call that waits for its first byte changes nothing that the proxy would tell of, but its time goes on.
        self._clock = QTimer(self)
        self._clock.setInterval(500)
        self._clock.timeout.connect(self._tick)

    def show_running(self, running: Sequence[Running], now_ms: int | None = None) -> None:
        now = now_ms if now_ms is not None else int(time.time() * 1000)
        self._running = running
        if running:
            self._clock.start()
        else:
            self._clock.stop()
        self._count.setText(text.number(len(running)) if running else "")
        self._nothing.setVisible(not running)
        shown = {one.id: one for one in running[:SHOWN]}
        for gone in [id_ for id_ in self._rows if id_ not in shown]:
            line = self._rows.pop(gone).whole
            line.hide()
            self._box.removeWidget(line)
            line.deleteLater()
        for one in shown.values():
            line_ = self._rows.get(one.id)
            if line_ is None:
                line_ = self._rows[one.id] = self._made(one, now)
                self._box.addWidget(line_.whole)
            self._update(line_, one, now)
        self._more.setVisible(len(running) > SHOWN)
        self._more.setText(tr("and {n} more").format(n=text.number(len(running) - SHOWN)))

    def _tick(self) -> None:
        if self.isVisible():
            now = int(time.time() * 1000)
            for one in self._running[:SHOWN]:
                self._update(self._rows[one.id], one, now)

    def _made(self, one: Running, now: int) -> _Row:
        words = label("", 12, 400, "faint")
        meter = Meter(tr("Stream of {client}").format(client=text.one_line(one.client, 60)), 4)
        whole = holding(
            column(
                row(Elided(text.one_line(one.client), 13, 500), words, spacing=10),
                row(Elided(text.one_line(one.model), 12, 400, "muted")),
                meter,
                spacing=3,
            )
        )
        # The first look at a call knows only its mean since it began.
        return _Row(whole, words, meter, 0, one.started_ms / 1000)

    def _update(self, line: _Row, one: Running, now_ms: int) -> None:
        now = now_ms / 1000
        if one.output_tokens != line.tokens or now - line.at > 3:
            fresh = max(0, one.output_tokens - line.tokens) / max(0.2, now - line.at)
            line.speed = fresh if line.tokens == 0 else 0.5 * line.speed + 0.5 * fresh
            line.tokens, line.at = one.output_tokens, now
        seconds = text.duration(max(0, now_ms - one.started_ms))
        if one.output_tokens:
            said = tr("{n} tokens · {speed}/s · {s}").format(
                n=text.number(one.output_tokens), speed=text.number(round(line.speed)), s=seconds
            )
        else:
            said = tr("waiting for the first byte · {s}").format(s=seconds)
        line.words.setText(said)
        color = one.tier if one.tier in {tier.value for tier in Tier} else "accent"
        line.meter.set_parts([(min(1.0, line.speed / FULL_PER_S), color)], said)
