"""How long `decide` takes with 50 rules of which the last matches and the grade at hand: PYTHONPATH=app:. python tests/bench/decide_bench.py

Floor 0.1 ms, goal 0.03 ms a decision.
"""

import time
from dataclasses import replace

from tests.unit.routing.scene import BY_GRADE, call, facts, memory, outline, rules

from turnout.calls.client import Call
from turnout.calls.units import Tokens
from turnout.routing import loops
from turnout.routing.decide import decide
from turnout.routing.facts import Facts

KINDS = (
    'kind = "client", is = "c{n}"',
    'kind = "tokens", gte = {big}',
    'kind = "model", is = "m{n}-*"',
    'kind = "match", field = "last_ask", regex = "(?i)word{n}"',
    'kind = "tools", gte = {big}',
)


def fifty() -> str:
    lines = ["[signals]"]
    blocks = []
    for n in range(49):
        lines.append(f"s{n} = {{ {KINDS[n % len(KINDS)].format(n=n, big=1_000_000 + n)} }}")
        blocks.append(f'[[rule]]\nname = "r{n}"\nwhen = "s{n}"\nroute = "high"\n')
    return "\n".join(lines) + "\n" + "".join(blocks) + BY_GRADE


def timed(asked: Call, known: Facts, rounds: int = 5_000) -> float:
    """Milliseconds, the best of five runs."""
    best = 1e9
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(rounds):
            decide(asked, known)
        best = min(best, (time.perf_counter() - begun) / rounds)
    return best * 1000


def main() -> None:
    many = facts(rules=rules(fifty()))
    print(f"50 rules, new session        {timed(call(), many):.4f} ms")
    print(f"50 rules, session with model {timed(call(), replace(many, memory=memory(warm=Tokens(500)))):.4f} ms")
    print(
        f"50 rules, tool loop          {timed(call(outline(ask_is_last=False)), replace(many, memory=memory())):.4f} ms"
    )
    long = outline("x " * 10_000)
    print(f"50 rules, ask of 20 KB       {timed(call(long), many):.4f} ms")
    print(f"1 rule                       {timed(call(), facts()):.4f} ms")
    state = None
    begun = time.perf_counter()
    for n in range(20_000):
        state = loops.observe(state, call(outline(ask_is_last=False, turns=n), body_hash=str(n)), n)
    print(f"loops.observe                {(time.perf_counter() - begun) / 20_000 * 1000:.4f} ms")


if __name__ == "__main__":
    main()
