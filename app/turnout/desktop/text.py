"""Words and figures for people: translation, numbers and money by locale, times as one says them.

Every string a person reads goes through `tr` or `plural`; `packaging/strings.py` collects them for translators.
Money is integer nano-dollars everywhere else and becomes text only here. All prices are in US dollars, whatever the
locale: the locale decides digits, separators and where the sign stands.
"""

import os
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QDate, QDateTime, QLocale, Qt

from turnout.calls.units import USD_NANOS, Grade, Status, Tier


def tr(text: str) -> str:
    return QCoreApplication.translate("turnout", text)


def plural(count: int, one: str, many: str) -> str:
    """`one` or `many` with `{n}` filled in by locale; both are translated."""
    return tr(one if count == 1 else many).format(n=number(count))


def number(value: int) -> str:
    return QLocale().toString(value)


def compact(value: int) -> str:
    """12,400 as "12.4K": for figures in running text, never where they are added up."""
    for size, letter in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K")):
        if value >= size:
            scaled = value / size
            return QLocale().toString(scaled, "f", 0 if scaled >= 100 else 1) + letter
    return number(value)


def money(nanos: int, digits: int | None = None) -> str:
    """Two decimals from a cent on; below, four, so that a cheap call is not shown as free."""
    if digits is None:
        digits = 2 if nanos == 0 or abs(nanos) >= USD_NANOS // 100 else 4
    if 0 < nanos < 50_000 and digits == 4:
        return "< " + money(100_000, 4)
    if nanos < 0:  # some locales write a loss in brackets, which reads like a remark beside our figures
        return "−" + money(-nanos, digits)
    return QLocale().toCurrencyString(nanos / USD_NANOS, "$", digits)


def dollars(decimal: str) -> str:
    """A decimal string of dollars, as the control API sends it."""
    return money(nanos_of(decimal))


def nanos_of(decimal: str) -> int:
    """Nano-dollars of a decimal string; 0 for nonsense, which only a broken proxy sends."""
    sign = -1 if decimal.startswith("-") else 1
    whole, _, part = decimal.lstrip("+-").partition(".")
    digits = (part + "000000000")[:9]
    if not (whole or "0").isdigit() or not digits.isdigit():
        return 0
    return sign * (int(whole or "0") * USD_NANOS + int(digits))


def size(count: int) -> str:
    """Bytes as "18.6 GB", powers of a thousand as disks and downloads count them."""
    return QLocale().formattedDataSize(count, 1, QLocale.DataSizeFormat.DataSizeSIFormat)


def percent(share: float) -> str:
    """A share of one; never "0 %" for something nor "100 %" for not quite all."""
    value = share * 100
    if 0 < value < 1:
        return "< 1%"
    if 99 < value < 100:
        value = 99
    return QLocale().toString(round(value)) + "%"


def duration(ms: int | None) -> str:
    if ms is None:
        return "–"
    if ms < 1_000:
        return tr("{n} ms").format(n=number(ms))
    if ms < 60_000:
        return tr("{n} s").format(n=QLocale().toString(ms / 1000, "f", 1))
    minutes, seconds = divmod(ms // 1000, 60)
    if minutes < 60:
        return tr("{m} min {s} s").format(m=minutes, s=seconds)
    return tr("{h} h {m} min").format(h=minutes // 60, m=minutes % 60)


def clock(at_ms: int) -> str:
    return QLocale().toString(QDateTime.fromMSecsSinceEpoch(at_ms).time(), "HH:mm:ss")


def stamp(at_ms: int, today: QDate | None = None) -> str:
    """For a narrow column: the clock today, day and time before; `today` left out: by this machine's clock."""
    when = QDateTime.fromMSecsSinceEpoch(at_ms)
    if when.date() == (today or QDate.currentDate()):
        return clock(at_ms)
    return f"{day(when.date().toString(Qt.DateFormat.ISODate))} {QLocale().toString(when.time(), 'HH:mm')}"


def moment(at_ms: int) -> str:
    """Day and time, short, by locale."""
    return QLocale().toString(QDateTime.fromMSecsSinceEpoch(at_ms), QLocale.FormatType.ShortFormat)


def day(iso: str) -> str:
    """`2026-11-13` as "13 Nov"."""
    try:
        date = datetime.strptime(iso, "%Y-%m-%d").date()  # noqa: DTZ007  a calendar day has no zone
    except ValueError:
        return iso
    return f"{date.day} {QLocale().monthName(date.month, QLocale.FormatType.ShortFormat)}"


def ago(at_ms: int, now_ms: int) -> str:
    gone = max(0, now_ms - at_ms) // 1000
    if gone < 10:
        return tr("just now")
    if gone < 60:
        return tr("{n} s ago").format(n=gone)
    if gone < 3_600:
        return tr("{n} min ago").format(n=gone // 60)
    if gone < 86_400:
        return tr("{n} h ago").format(n=gone // 3_600)
    return tr("{n} d ago").format(n=gone // 86_400)


def tier(value: Tier | None) -> str:
    if value is None:
        return tr("None")
    return {Tier.HIGH: tr("High"), Tier.FAST: tr("Fast"), Tier.LOCAL: tr("Local")}[value]


def grade(value: Grade | None) -> str:
    if value is None:
        return "–"
    return {Grade.LOW: tr("Low"), Grade.MEDIUM: tr("Medium"), Grade.HIGH: tr("High")}[value]


def status(value: Status) -> str:
    return {
        Status.HELD: tr("Running"),  # a hold is how every call begins
        Status.RUNNING: tr("Running"),
        Status.SETTLED: tr("Done"),
        Status.FAILED: tr("Failed"),
        Status.REFUSED: tr("Refused"),
        Status.ABORTED: tr("Aborted"),
    }[value]


def mode(value: str) -> str:
    names = {
        "auto": tr("Auto"),
        "local": tr("Local only"),
        "cloud": tr("Cloud only"),
        "passthrough": tr("Pass-through"),
    }
    return names.get(value, value)


def place(path: str) -> str:
    """A file's or folder's path as one says it at home: with `~` where the home folder is."""
    home = str(Path.home())
    return f"~{path[len(home) :]}" if path == home or path.startswith(home + os.sep) else path


def one_line(text: str, limit: int = 80) -> str:
    """Outside text made fit for one line of ours: no breaks, no control characters, not longer than `limit`."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text[: limit * 4]).split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
