"""Made-up material that requests are about: prose, reviews, dialogues, logs, tables, code. Seeded, never the same twice."""

import random
from collections.abc import Sequence


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES = words(
    "Ana Bob Chen Dmitri Eva Farid Grace Hugo Ines Jamal Kenji Lena Marco Nadia Omar Priya Quinn Rosa Sven Tara"
)
CITIES = words("Paris Tokyo Berlin Austin Lima Oslo Cairo Mumbai Seoul Toronto Lisbon Nairobi Prague Boston Denver")
THINGS = words(
    "orders users invoices sessions payments events metrics tickets builds deployments messages products reports"
    " bookings shipments comments accounts devices sensors articles"
)
LANGUAGES = words("Python TypeScript Go Rust Java C# SQL Bash Kotlin C++ JavaScript Ruby PHP Swift Scala")
LIBRARIES = words(
    "FastAPI React Django asyncio pandas SQLAlchemy Kubernetes Terraform Redis gRPC pytest Express Vue Next.js Spring"
    " Flask NumPy Kafka PostgreSQL Docker GraphQL Celery"
)
ERRORS = (
    "KeyError: 'user_id'",
    "TypeError: cannot unpack non-iterable NoneType object",
    "segmentation fault (core dumped)",
    "ECONNREFUSED 127.0.0.1:5432",
    "deadlock detected",
    "AssertionError: 3 != 4",
    "borrow of moved value: `cfg`",
    "NullPointerException at OrderService.java:88",
    "panic: runtime error: index out of range [5]",
    "ReferenceError: window is not defined",
    "CORS policy: No 'Access-Control-Allow-Origin' header",
    "ModuleNotFoundError: No module named 'app'",
    "undefined is not a function",
    "ORA-00933: SQL command not properly ended",
    "Cannot read properties of undefined (reading 'map')",
    "maximum recursion depth exceeded",
    "exit code 137",
    "error[E0502]: cannot borrow `*self` as mutable",
)

_SUBJECTS = (
    "the council", "the team", "a local school", "the company", "researchers at the university", "the orchestra",
    "the minister", "our neighbours", "the museum", "a small bakery", "the airline", "the striker", "the committee",
    "a group of volunteers", "the hospital", "the film", "the river authority", "the bank", "an old fisherman",
    "the regulator", "the developer of the game", "a court", "the union", "the startup", "the band", "my grandmother",
)  # fmt: skip
_VERBS = (
    "announced", "rejected", "celebrated", "postponed", "discovered", "sold", "opened", "criticised", "rebuilt",
    "lost", "won", "cancelled", "defended", "doubled", "published", "abandoned", "repaired", "praised", "investigated",
)  # fmt: skip
_OBJECTS = (
    "a plan to close the old bridge", "its third contract this year", "a new exhibition on glass", "the annual fair",
    "a rare species of beetle", "most of its delivery vans", "the final match of the season", "an appeal by residents",
    "the cost of heating", "a report on water quality", "two long-running shows", "the proposal for a cycle lane",
    "a record profit of 4.2 million", "the lost letters of a poet", "a recipe for rye bread", "its oldest factory",
)  # fmt: skip
_TAILS = (
    "after months of debate", "despite heavy rain", "for the first time since 1987", "according to officials",
    "while prices kept rising", "and nobody was surprised", "in front of a small crowd", "because of a missing part",
    "although the vote was close", "with the help of a donor", "before the winter began", "as the deadline passed",
)  # fmt: skip
_MORE = (
    "{a} said the decision was overdue.",
    "Critics point out that {c} tried the same in 2011 and gave up.",
    "It will take at least {n} weeks before anything changes.",
    "A spokesperson declined to comment on the figures.",
    "About {n} people are affected, most of them in {c}.",
    "Nobody objected when {a} raised the question of money.",
    "The work is expected to finish in spring, {a} added.",
    "Visitors from {c} and {d} came in large numbers.",
    "It was founded in 19{n} by {a} and {b}, who met in {c}.",
    "In {c}, temperatures fell to minus {k} degrees overnight.",
    "Supporters hope that the change will bring more tourists.",
    "The mayor called it a difficult but necessary step.",
    "{b} disagreed and left the meeting early.",
    "Sales dropped by {n} per cent in the last quarter.",
    "There was a long silence, and then the lights came back.",
)

_GOOD = (
    "Loved it.", "The battery lasts for days.", "Great value for the price.", "The staff could not have been kinder.",
    "A moving performance by the lead.", "I would buy it again without thinking.", "Crisp picture and easy to set up.",
    "Best pancakes in town.", "The plot kept me guessing until the end.", "Fast shipping and well packed.",
)  # fmt: skip
_BAD = (
    "It broke after two days.", "The waiter ignored us for an hour.", "A dull script and flat jokes.",
    "I want my money back.", "The app freezes whenever I open the camera.", "Overpriced and cold.",
    "The sequel nobody asked for.", "Screws were missing.", "Support never answered my mails.", "The room smelled damp.",
)  # fmt: skip
_SO_SO = (
    "The color is a bit different from the picture.", "We went on a Tuesday, so it was quiet.", "I got it as a gift.",
    "My daughter uses it for school.", "It arrived in {c} on the {k}th.", "The second half is slower than the first.",
    "I have owned three of these.", "It comes in four sizes.", "The book is set in {c}.",
)  # fmt: skip
_SAID = (
    "Are you coming on Friday?", "I forgot the keys again.", "Can we move it to {k}pm?", "Sure, no problem.",
    "Did you talk to {b}?", "Not yet, the line was busy.", "The train is late, start without me.", "What about dinner?",
    "I'll bring the salad.", "She passed the exam!", "Really? Congratulations to her.", "How much was the ticket?",
    "About {n} dollars.", "Let me check and call you back.", "Don't tell {a} yet.", "See you at the station then.",
)  # fmt: skip

_DOCS = (
    "Return the number of values above the average.", "Return a list with the prefixes of the input, shortest first.",
    "Given two lists, return those that stand in both, in order.", "Check whether the brackets are closed in the right order.",
    "Find the k-th largest value; duplicates count once.", "Return True if the text reads the same backwards.",
    "Replace each value by the product of all the others.", "Sum the digits of every number and sort by it.",
    "You are given a string of words. Return the longest one.", "Write a function that takes a matrix and returns its transpose.",
    "Count how often each key occurs, ignoring case.", "Return the smallest missing positive integer.",
)  # fmt: skip
_LABEL_HEADS = words(
    "card account order book cancel play set show refund balance transfer pin weather flight hotel alarm report change"
    " update delivery payment top_up reset meal traffic insurance tax warranty invoice password"
)
_LABEL_TAILS = words(
    "lost status table request info help music timer fee limit payment location error time activation history failed"
    " card not_working review quote day name schedule suggestion"
)


class Maker:
    """Draws from one seeded source, so that the whole set is the same on every machine.

    `prose` and `programs` are real texts that half of the material is cut from: with made-up material alone, any word
    of a real payload speaks for some grade.
    """

    def __init__(self, seed: int, prose: Sequence[str] = (), programs: Sequence[str] = ()) -> None:
        self.random = random.Random(seed)
        self.prose = prose
        self.programs = programs

    def cutting(self, characters: int) -> str:
        """A window of a real text, from one sentence's start to another's end where there are such."""
        text = self.pick(self.prose)
        start = self.number(0, max(0, len(text) - characters))
        window = text[start : start + characters]
        head, tail = window.find(". "), window.rfind(".")
        return window[head + 2 : tail + 1] if 0 <= head < tail - 40 else window

    def pick(self, many: Sequence[str]) -> str:
        return self.random.choice(many)

    def number(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def fill(self, text: str) -> str:
        """Puts names, cities and numbers in; every slot drawn anew."""
        for slot, draw in (
            ("{a}", lambda: self.pick(NAMES)),
            ("{b}", lambda: self.pick(NAMES)),
            ("{c}", lambda: self.pick(CITIES)),
            ("{d}", lambda: self.pick(CITIES)),
            ("{n}", lambda: str(self.number(12, 98))),
            ("{k}", lambda: str(self.number(2, 11))),
            ("{t}", lambda: self.pick(THINGS)),
            ("{u}", lambda: self.pick(THINGS)),
            ("{l}", lambda: self.pick(LANGUAGES)),
            ("{m}", lambda: self.pick(LANGUAGES)),
            ("{f}", lambda: self.pick(LIBRARIES)),
            ("{g}", lambda: self.pick(LIBRARIES)),
            ("{e}", lambda: self.pick(ERRORS)),
        ):
            while slot in text:
                text = text.replace(slot, draw(), 1)
        return text

    def sentence(self) -> str:
        if self.prose and self.chance(0.5):
            parts = [part.strip() for part in self.cutting(500).replace("\n", " ").split(". ")]
            fitting = [part for part in parts if 30 < len(part) < 220]
            if fitting:
                return self.pick(fitting).rstrip(".") + "."
        if self.chance(0.45):
            return self.fill(self.pick(_MORE))
        parts = f"{self.pick(_SUBJECTS)} {self.pick(_VERBS)} {self.pick(_OBJECTS)} {self.pick(_TAILS)}."
        return parts[0].upper() + parts[1:]

    def article(self, sentences: int) -> str:
        if self.prose and self.chance(0.5):
            return self.cutting(90 * sentences)
        said = [self.sentence() for _ in range(sentences)]
        if sentences < 6:
            return " ".join(said)
        step = self.number(3, 5)
        return self.pick(("\n\n", "\n", " ")).join(" ".join(said[at : at + step]) for at in range(0, sentences, step))

    def review(self) -> str:
        tone = self.pick((_GOOD, _BAD))
        said = [self.pick(tone) for _ in range(self.number(1, 3))] + [
            self.fill(self.pick(_SO_SO)) for _ in range(self.number(0, 3))
        ]
        self.random.shuffle(said)
        return " ".join(said)

    def dialogue(self, turns: int) -> str:
        first, second = self.random.sample(NAMES, 2)
        if self.chance(0.25):
            first, second = "#Person1#", "#Person2#"
        return "\n".join(f"{(first, second)[at % 2]}: {self.fill(self.pick(_SAID))}" for at in range(turns))

    def log(self, lines: int) -> str:
        return "\n".join(
            f"2026-{self.number(1, 12):02d}-{self.number(1, 28):02d}T{self.number(0, 23):02d}:{self.number(0, 59):02d}:"
            f"{self.number(0, 59):02d}Z {self.pick(('INFO', 'WARN', 'ERROR', 'DEBUG'))} [{self.pick(THINGS)}-svc] "
            f"{self.pick(('request failed', 'connected', 'retrying', 'cache miss', 'job done', 'slow query'))} "
            f"id={self.number(100, 99_999)} ip=10.{self.number(0, 255)}.{self.number(0, 255)}.{self.number(1, 254)}"
            for _ in range(lines)
        )

    def record(self) -> str:
        return (
            f'{{"id": {self.number(1, 9_999)}, "name": "{self.pick(NAMES).lower()}", "city": "{self.pick(CITIES)}", '
            f'"active": {self.pick(("true", "false"))}, "tags": ["{self.pick(THINGS)}", "{self.pick(THINGS)}"]}}'
        )

    def table(self, rows: int) -> str:
        body = "\n".join(
            f"{self.pick(NAMES)},{self.pick(CITIES)},{self.number(18, 80)},{self.number(100, 9_999)}"
            for _ in range(rows)
        )
        return f"name,city,age,amount\n{body}"

    def email(self) -> str:
        return (
            f"From: {self.pick(NAMES)} <{self.pick(NAMES).lower()}@example.com>\nSubject: "
            f"{self.pick(('Invoice', 'Meeting', 'Delivery', 'Your request', 'Contract', 'Question'))} "
            f"{self.number(100, 999)}\n\nHi {self.pick(NAMES)},\n\n{self.article(self.number(2, 5))}\n\nBest,\n{self.pick(NAMES)}"
        )

    def code(self, functions: int = 1) -> str:
        if self.programs and self.chance(0.5):
            return "\n\n".join(self.pick(self.programs) for _ in range(1 + functions // 3))
        return "\n\n".join(self._function() for _ in range(functions))

    def signature(self) -> str:
        """The head of a function and what it is to do, its body missing."""
        name = f"{self.pick(('count', 'find', 'sum', 'split', 'filter', 'rank', 'pair', 'encode'))}_{self.pick(THINGS)}"
        task = self.pick(_DOCS)
        return self.pick(
            (
                f'def {name}(items: list[int], k: int) -> int:\n    """{task}\n\n    >>> {name}([1, 2, 3], {self.number(1, 9)})\n'
                f'    {self.number(1, 9)}\n    """',
                f"from typing import List\n\n\ndef {name}(values: List[str]) -> List[str]:\n    # {task}\n",
                f'def {name}(text):\n    """\n    {task}\n    Example:\n    {name}("abcd") == "dcba"\n    """\n    # TODO',
                f"/** {task} */\npublic static int {name.replace('_', '')}(int[] a) {{\n    // your code here\n}}",
                f"// {task}\nfunction {name.replace('_', '')}(a, b) {{\n",
                f"class Solution:\n    def {name}(self, nums: List[int], target: int) -> int:\n        # {task}\n        pass",
                f"fn {name}(v: &[u32]) -> u32 {{\n    // {task}\n    todo!()\n}}",
            )
        )

    def labels(self) -> str:
        """Labels as programs write them: `card_lost, book_table, ...`."""
        made = [f"{self.pick(_LABEL_HEADS)}_{self.pick(_LABEL_TAILS)}" for _ in range(self.number(3, 12))]
        return self.pick((", ", " | ", "; ", "/")).join(made)

    def _function(self) -> str:
        verb, thing = self.pick(("load", "merge", "parse", "sync", "fetch", "update", "render")), self.pick(THINGS)
        name, camel = f"{verb}_{thing}", f"{verb}{thing.title()}"
        return self.pick(
            (
                f"def {name}(items):\n    out = []\n    for i in range(len(items)):\n        if items[i] not in out:\n"
                f"            out.append(items[i-1])\n    return out",
                f"async function {camel}(db) {{\n  const rows = db.query('select * from {thing}');\n"
                f"  return rows.map(r => r.id);\n}}",
                f"func {camel}(ch chan int) int {{\n\ts := 0\n\tfor v := range ch {{ s += v }}\n\treturn s\n}}",
                f"class {thing.title()}Store:\n    def __init__(self, path):\n        self.path = path\n        self.cache = {{}}\n\n"
                f"    def get(self, key, default=None):\n        if key in self.cache:\n            return self.cache[key]\n"
                f"        with open(self.path) as f:\n            self.cache = json.load(f)\n        return self.cache.get(key, default)",
                f"SELECT c.id, COUNT(*) AS n\nFROM {thing} o JOIN customers c ON c.id = o.customer_id\n"
                f"WHERE o.created > now() - interval '{self.number(2, 90)} days'\nGROUP BY c.id\nHAVING COUNT(*) > {self.number(2, 9)};",
                f"public List<String> {camel}(Map<String, Integer> in) {{\n    List<String> out = new ArrayList<>();\n"
                f"    for (String k : in.keySet()) {{\n        if (in.get(k) > {self.number(1, 50)}) out.add(k);\n    }}\n    return out;\n}}",
                f"const {camel} = ({{ items }}) => {{\n  const [open, setOpen] = useState(false);\n  useEffect(() => {{ refresh(); }}, []);\n"
                f"  return <ul>{{items.map(i => <li key={{i.id}} onClick={{() => setOpen(!open)}}>{{i.name}}</li>)}}</ul>;\n}};",
                f"fn {name}(v: &mut Vec<i32>) -> Option<i32> {{\n    let m = v.iter().max()?;\n    v.retain(|x| x != m);\n    Some(*m)\n}}",
                f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {thing}\nspec:\n  replicas: {self.number(1, 9)}\n"
                f"  template:\n    spec:\n      containers:\n      - name: {thing}\n        image: registry/{thing}:1.{self.number(0, 9)}",
                f"it('handles {thing}', async () => {{\n  const got = await {camel}([]);\n  expect(got).toEqual([]);\n}});",
                f'#!/bin/bash\nset -e\nfor f in /var/{thing}/*.gz; do\n  gunzip -c "$f" | grep -c {self.pick(NAMES).lower()} >> out.txt\ndone',
                f".{thing}-card {{\n  display: flex;\n  padding: {self.number(2, 24)}px;\n  color: #3{self.number(10, 99)};\n}}",
            )
        )

    def html(self) -> str:
        rows = "".join(
            f"<li class='{self.pick(THINGS)}'><a href='/{self.pick(THINGS)}/{self.number(1, 99)}'>{self.pick(NAMES)}</a> "
            f"<span>${self.number(2, 90)}</span></li>"
            for _ in range(self.number(1, 12))
        )
        return (
            f"<html><head><title>{self.pick(CITIES)} {self.pick(THINGS)}</title></head><body><h1>{self.sentence()}</h1>"
            f"<ul>{rows}</ul><p>SKU {self.number(100, 999)}</p></body></html>"
        )

    def diff(self) -> str:
        return (
            f"--- a/{self.pick(THINGS)}.py\n+++ b/{self.pick(THINGS)}.py\n@@ -{self.number(1, 90)},4 +{self.number(1, 90)},5 @@\n"
            f"-    return rows\n+    rows.sort(key=lambda r: r.{self.pick(('id', 'name', 'age'))})\n+    return rows[:{self.number(2, 50)}]"
        )
