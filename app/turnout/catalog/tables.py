"""Which price table serves: the shipped one, or a newer one that the user fetched."""

import gzip
from pathlib import Path

import orjson

from turnout.catalog.prices import PriceTable
from turnout.catalog.refresh import check_table
from turnout.errors import SettingsError
from turnout.resources import resource


def load_prices(refreshed: Path | None = None) -> PriceTable:
    """Some 12 ms; the models are taken apart lazily. `refreshed`: a table the user fetched; the newer of the two serves."""
    shipped = PriceTable(orjson.loads(gzip.decompress(resource("prices", "prices.json.gz").read_bytes())))
    if refreshed is not None and refreshed.exists():
        try:
            table, _ = check_table(refreshed.read_bytes(), ours=True)
        except (SettingsError, OSError) as error:
            shipped.problem = f"{refreshed.name} is not used: {getattr(error, 'said', error)}"
            return shipped
        if table.date >= shipped.date:
            return table
        shipped.problem = f"{refreshed.name} of {table.date} is not used: the shipped table is newer."
    return shipped
