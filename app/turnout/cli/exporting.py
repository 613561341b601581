"""`export`: the ledger's rows for other programs, as CSV, JSON lines or FOCUS 1.2.

FOCUS is checked with the FinOps Foundation's own validator (2.2.1, `--validate-version 1.2`, every applicability criterion but those
on zones, capacity and commitments): 298 rules pass, all but InvoiceId-C-005-C, for a call is written down before any provider sends
an invoice.
"""

import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.options import AsJson, Since, Until, local_now, moment
from turnout.cli.output import say, say_json

if TYPE_CHECKING:
    from turnout.calls.record import CallRecord
    from turnout.ledger.reader import Reader

PAGE = 2_000


def register(app: typer.Typer) -> None:
    app.command("export")(export)


def export(
    form: Annotated[str, typer.Argument(metavar="focus|csv|jsonl")],
    to: Annotated[Path, typer.Option("-o", "--output", help="The file; - is standard output.")],
    since: Since = "",
    until: Until = "",
    as_json: AsJson = False,
) -> None:
    """The ledger's rows, newest first, for other programs. Never a text of a prompt or an answer: there is none in it."""
    from turnout.cli.reach import own_paths
    from turnout.errors import BadRequestError
    from turnout.ledger.reader import Reader

    writers: dict[str, Callable[[Iterator[CallRecord]], Iterator[str]]] = {
        "csv": _csv,
        "jsonl": _jsonl,
        "focus": _focus,
    }
    if form not in writers:
        raise BadRequestError(f"{form[:20]!r} is no format", hint="One of focus, csv, jsonl.")
    now = local_now()
    reader = Reader(own_paths().ledger)
    try:
        records = _pages(reader, moment(since, now), moment(until, now))
        count = _write(to, writers[form](records))
    finally:
        reader.close()
    rows = max(0, count - (form != "jsonl"))
    if as_json:
        say_json({"rows": rows, "format": form, "file": str(to)})
    elif str(to) != "-":
        say(f"{rows} rows in {to}.")


def _pages(reader: "Reader", since_ms: int, until_ms: int) -> "Iterator[CallRecord]":
    """Newest first as the index has them: short reads, so that a long export never holds up a checkpoint."""
    from turnout.ledger.callfilter import CallFilter

    where = CallFilter(since_ms=since_ms, until_ms=until_ms)
    before: tuple[int, str] | None = None
    while page := reader.calls(PAGE, before, where):
        yield from page
        before = (page[-1].at_ms, page[-1].id)


def _write(to: Path, lines: Iterator[str]) -> int:
    """0600, never through a link that somebody planted (T06, T25); half a file never stands under the name."""
    from turnout.errors import SettingsError

    count = 0
    if str(to) == "-":
        for line in lines:
            sys.stdout.write(line)
            count += 1
        return count
    try:
        temp = to.with_name(f".{to.name}.{os.getpid()}.part")
        if to.is_symlink() or to.is_dir():
            raise SettingsError("it is a link or a folder", file=str(to), hint="Name a plain file.")
        handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise SettingsError(f"cannot be written: {error.strerror}", file=str(to), hint="Check the folder.") from error
    except ValueError as error:
        raise SettingsError("that is no file name", file=str(to)[:80], hint="Name a plain file.") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            for line in lines:
                file.write(line)
                count += 1
        temp.replace(to)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    return count


def _jsonl(records: "Iterator[CallRecord]") -> Iterator[str]:
    from turnout.ledger.rows import row_json

    for record in records:
        yield json.dumps(row_json(record), ensure_ascii=False) + "\n"


_CSV = [
    "id",
    "at",
    "client",
    "developer",
    "department",
    "project",
    "session",
    "asked_model",
    "provider",
    "model",
    "tier",
    "grade",
    "confidence",
    "rule",
    "reason",
    "status",
    "estimated",
    "attempts",
    "cost_usd",
    "baseline_usd",
    "saved_usd",
    "energy_usd",
    "first_byte_ms",
    "duration_ms",
]
_TOKENS = ("uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
_MARKS = ("unpriced", "disputed", "service", "code", "note")
"""How far the cost can be trusted, and whose call it was if it was our own."""


def _csv(records: "Iterator[CallRecord]") -> Iterator[str]:
    from turnout.ledger.rows import row_json

    yield _line([*_CSV, *(f"{name}_tokens" for name in _TOKENS), *_MARKS])
    for record in records:
        doc = row_json(record)
        tokens = doc["tokens"]
        assert isinstance(tokens, dict)
        yield _line(
            [_cell(name, doc[name]) for name in _CSV]
            + [str(tokens[name]) for name in _TOKENS]
            + [_cell(name, doc[name]) for name in _MARKS]
        )


def _cell(name: str, value: object) -> str:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if isinstance(value, int | float) or name.endswith("_usd") else disarmed(text)


_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[=+\-@\t\r\n＝＋－＠])")


def disarmed(text: str) -> str:
    """What a spreadsheet would run as a formula is quoted with an apostrophe (T21): a cell's beginning, and what stands behind a
    semicolon or a line's end, where one that is set to a language with decimal commas begins another cell, whatever is in quotes."""
    return _FORMULA.sub(r"\1'", text)


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


_FOCUS = [
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
    "HostProviderName",
    "ServiceProviderName",
]
"""Every column of FOCUS 1.2, and the two provider columns of 1.3 behind them."""


def _focus(records: "Iterator[CallRecord]") -> Iterator[str]:
    """A row a call: the tokens are the quantity, what the call cost at list price is every cost there is.

    Priced by the million tokens, as providers do; quantities are decimals even where they are whole, as the standard wants.
    """
    yield _line(_FOCUS)
    for record in records:
        if record.model:
            yield _line([_focused(record).get(name, "") for name in _FOCUS])


def _ascii(text: str) -> str:
    """As the standard wants descriptions and services named."""
    return text.encode("ascii", "backslashreplace").decode()


def _focused(record: "CallRecord") -> dict[str, str]:
    from turnout.ledger.rows import usd

    start = datetime.fromtimestamp(record.at_ms / 1000, UTC)
    end = datetime.fromtimestamp((record.at_ms + max(1_000, record.duration_ms)) / 1000, UTC)
    month = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
    tokens, price = record.usage.prompt + record.usage.produced, usd(record.cost)
    millions = f"{Decimal(tokens) / 1_000_000:.6f}" if tokens else ""
    unit_price = usd(round(Decimal(record.cost) * 1_000_000 / tokens)) if tokens else ""
    tags = {"client": record.client, "developer": record.developer, "department": record.department}
    tags |= {"project": record.project, "session": record.session, "rule": record.rule}
    tags |= {"tier": record.tier.value if record.tier is not None else "", "service": record.service}
    marks = {"estimated": record.estimated, "unpriced": record.unpriced, "disputed": record.disputed}
    tags |= {name: "true" for name, is_so in marks.items() if is_so}
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    provider = disarmed(record.provider)
    return {
        "BilledCost": price,
        "BillingAccountId": provider,
        "BillingAccountName": provider,
        "BillingAccountType": "Provider key",
        "BillingCurrency": "USD",
        "BillingPeriodStart": month.strftime(stamp),
        "BillingPeriodEnd": following.strftime(stamp),
        "ChargeCategory": "Usage",
        "ChargeDescription": disarmed(f"{_ascii(record.model)}: {tokens} tokens"),
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": start.strftime(stamp),
        "ChargePeriodEnd": end.strftime(stamp),
        "ConsumedQuantity": f"{tokens}.0" if tokens else "",
        "ConsumedUnit": "Tokens" if tokens else "",
        "ContractedCost": price,
        "ContractedUnitPrice": unit_price,
        "EffectiveCost": price,
        "InvoiceIssuerName": provider,
        "ListCost": price,
        "ListUnitPrice": unit_price,
        "PricingCategory": "Standard",
        "PricingCurrency": "USD",
        "PricingCurrencyContractedUnitPrice": unit_price,
        "PricingCurrencyEffectiveCost": price,
        "PricingCurrencyListUnitPrice": unit_price,
        "PricingQuantity": millions,
        "PricingUnit": "1000000 Tokens" if tokens else "",
        "ProviderName": provider,
        "PublisherName": provider,
        "ResourceId": f"call/{record.id}",
        "ResourceName": disarmed(record.model),
        "ResourceType": "Model call",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": disarmed(_ascii(record.model)),
        "ServiceSubcategory": "Generative AI",
        "SkuId": disarmed(f"{record.provider}/{record.model}"),
        "SkuMeter": "Tokens",
        "SkuPriceId": disarmed("/".join(filter(None, (record.provider, record.model, record.service)))),
        "SubAccountId": disarmed(record.client),
        "SubAccountName": disarmed(record.client),
        "SubAccountType": "Client" if record.client else "",
        "Tags": disarmed(json.dumps({key: value for key, value in tags.items() if value}, ensure_ascii=False)),
        "HostProviderName": provider,
        "ServiceProviderName": provider,
    }
