"""A process that holds and settles as fast as it can and tells each fact on stdout before and after; killed by its test."""

import asyncio
import sys
from pathlib import Path

from tests.unit.ledger.made import held, settled

from turnout.ledger.writer import Writer


async def main(path: Path, first: int) -> None:
    writer = Writer(path, asyncio.get_running_loop())
    out = sys.stdout

    async def call(number: int) -> None:
        await writer.held(held(number, hold=10_000_000))
        # From here on an upstream may bill: the line is the mock's own bill.
        out.write(f"billed {number}\n")
        out.flush()
        await asyncio.sleep(0)
        writer.settle(settled(number, cost=4_000_000))

    number = first
    while True:
        await asyncio.gather(*(call(n) for n in range(number, number + 8)))
        number += 8


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
