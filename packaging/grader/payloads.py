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
    " bookings shipments comments accounts devices sensors articles invites refunds tasks notes photos tags carts coupons"
    " feeds jobs logs alerts widgets layers markers tiles playlists documents versions roles policies snapshots replicas"
    " tenants vehicles routes menus quizzes scores players levels files folders threads channels"
)
LANGUAGES = words(
    "Python TypeScript Go Rust Java C# SQL Bash Kotlin C++ JavaScript Ruby PHP Swift Scala Dart Elixir Haskell Lua R Perl"
    " Zig Julia Clojure F# OCaml PowerShell Solidity"
)
LIBRARIES = words(
    "FastAPI React Django asyncio pandas SQLAlchemy Kubernetes Terraform Redis gRPC pytest Express Vue Next.js Spring"
    " Flask NumPy Kafka PostgreSQL Docker GraphQL Celery SwiftUI Svelte Angular Nuxt Remix Astro Vite Tailwind Electron Tauri"
    " Qt Unity Godot Flutter Laravel Rails Phoenix Symfony NestJS Fastify Hono Prisma Drizzle MongoDB MySQL SQLite DynamoDB"
    " Elasticsearch RabbitMQ NATS Airflow dbt Spark Polars PyTorch TensorFlow scikit-learn OpenCV Playwright Cypress Jest"
    " Vitest Webpack Nginx Envoy Istio Helm Ansible Pulumi Lambda CloudFront S3 Datadog Prometheus Grafana Sentry Stripe"
    " Firebase Supabase Three.js D3 Leaflet Mapbox jQuery Redux Zustand Spark Hadoop"
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
    "In 20{n} the old site handled {n}0,000 visitors, mostly from {c}. Since then the number has fallen every year.",
    '"We could have opened with two lines instead of {k}, but nobody wanted that," {a} said.',
    "If the talks fail, all contracts would have to be signed again before the end of the year.",
    "Some fear that customers will leave for good; others expect that the delay gives them time.",
    "The regional government, which carries {n} per cent of the cost, asked for a report by the {k}th.",
    "A study concluded that a new road alone would not be enough, since half of the traffic comes from {d}.",
    "Neither side wanted to say what the correction will cost, but {b} estimates {k} million euros and {n} months.",
    "Its lawyer called the accusation absurd and demanded an apology.",
    "Only two of the {k} towns voted against, and both of them must pay more from next year.",
    '"It was not our fault," insists the supplier, a family firm from {c}, "the drawings were wrong."',
    "Those who had lived through {k} years of building work formed a group that wants the night shift banned.",
    "Every third shop in the centre has closed because rents rose faster than sales.",
    "The judge did not accept that argument: whoever signs must have read what he signs.",
    "They bought {n} tons of paper at {k} dollars each, twice as much as the year before.",
    "We then walked for three hours, the first two of them uphill, and reached the hut at {k} in the evening.",
    "My father, who was {n} at the time, never told anyone except his sister.",
    "Although no one could prove it, most people in {c} believed that {a} had written the letter.",
    "Doctors recommend at least {k} hours of sleep, yet a third of adults get less than that.",
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
_HEADINGS = (
    "Overview", "Goals", "What to choose", "Targets", "Threats, and what each one gets", "Measured", "Open questions",
    "Design", "Data model", "Limits", "Migration", "Release checklist", "Bottom line", "Interfaces", "Costs", "Risks",
    "Acceptance", "Storage", "Notes from the review", "Timeline", "Alternatives", "Rig, cost and packaging",
)  # fmt: skip
_REMARKS = (
    "The {t} service keeps {number} MB in memory and answers within {n} ms.",
    "{id} must hold also when the {u} table is locked.",
    "Measured on two cores with {f} {number}: p50 {k} ms, p99 {n} ms.",
    "{f} was chosen over {g}, because it needs no server.",
    "Never write {t} before the lock is taken; see {id}.",
    "A call that fails is tried {k} times, then refused with a reason.",
    "If the queue is longer than {n}, the oldest {t} are dropped.",
    "Not decided yet: whether {t} may be deleted by their owner.",
    "The limit is {n} per minute; a burst of {k} is let through.",
    "Keys stay in the keyring and never reach a log.",
    "`{t}.{u}` is read once at start; changes need a restart.",
    "{a} owns this part; {b} reviews it.",
    "Do not pin {f} below {number}, it leaks file handles.",
    "Everything here was run, except where it says inferred.",
    "Costs {number} cents per thousand {t}.",
    "The table below holds what was seen in week {n}.",
    "Users see a warning, operators a line in the log.",
    "Anything older than {n} days goes to cold storage.",
)
_TROUBLES = (
    "Saving {t} fails with {e} when the list is empty.",
    "After upgrading, {f} ignores the timeout that is set in the config.",
    "`get_{t}()` returns a copy on the first call, but a view on the second.",
    "The {t} filter gives wrong results if two {u} share a name.",
    "When the server restarts, open connections hang until they are killed.",
    "{f} raises {e} on {l} files with a byte order mark.",
    "Sorting {t} by date is not stable, so pages overlap.",
    "Passing None for {t} is documented, but crashes.",
    "The memory of the {t} worker grows by {n} MB an hour.",
    "Ordering by a nested field drops rows where it is null.",
)
_STEPS = (
    "Create two {t}", "Open the {t} page", "Run `{t} sync --all`", "Delete the first one", "Reload", "Wait {k} seconds",
    "Set the timeout to {n}", "Call it twice", "Switch to another branch", "Look at the log",
)  # fmt: skip
_TASKS = (
    "You are given an array of n integers. In one move you may add 1 to any element. Find the least number of moves so that all"
    " elements are different.",
    "There are n cities and m roads. {a} wants to go from city 1 to city n paying at most k tolls. Print the shortest time.",
    "{a} and {b} play a game with a pile of n stones. In a turn a player takes 1, 3 or 4 stones; who takes the last one wins."
    " {a} starts. Both play optimally. Who wins?",
    "Given a string s of lower case letters, you may delete any number of characters. What is the longest palindrome you can get?",
    "A grid of h rows and w columns holds walls and free cells. Count the ways from the top left to the bottom right corner"
    " modulo 998244353.",
    "You have n tasks with a duration and a deadline each. What is the largest number that can be finished in time?",
    "For each query l, r print the number of distinct values among a_l..a_r.",
    "A tree with n vertices is given. Choose k of them so that the sum of pairwise distances is as large as possible.",
    "A binary string is good if no two ones are adjacent. Count good strings of length n with exactly k ones.",
    "{a} has n coins of different values. Which sums can be paid exactly?",
)
_INPUTS = (
    "The first line holds t, the number of test cases. Each case is a line with n and k.",
    "The first line contains two integers n and m. The second line contains n integers a_i.",
    "A single line with the string s.",
    "Input is given from standard input in the following format: N, then A_1 A_2 ... A_N",
)
_OUTPUTS = (
    "For each test case print one number.",
    "Print the answer, or -1 if there is none.",
    "Print YES or NO.",
    "Output a single integer.",
)
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

    def trace(self) -> str:
        """What a program says as it dies, with the frames that led there."""
        error, frames = self.pick(ERRORS), self.number(1, 6)
        names = [(self.pick(THINGS), self.pick(("run", "load", "handle", "main", "parse"))) for _ in range(frames)]
        kind = self.number(0, 2)
        if kind == 0:
            body = "\n".join(
                f'  File "/srv/app/{file}.py", line {self.number(3, 400)}, in {name}\n    {name}_{file}(item)'
                for file, name in names
            )
            return f"Traceback (most recent call last):\n{body}\n{error}"
        if kind == 1:
            body = "\n".join(
                f"    at {name} (/app/src/{file}.ts:{self.number(3, 400)}:{self.number(1, 60)})" for file, name in names
            )
            return f"{error}\n{body}"
        body = "\n".join(
            f"\tat com.acme.{file}.{name.title()}.{name}({name.title()}.java:{self.number(3, 400)})"
            for file, name in names
        )
        return f'Exception in thread "main" {error}\n{body}'

    def remark(self) -> str:
        """A sentence as technical documents have it."""
        return self.fill(
            self.pick(_REMARKS)
            .replace("{number}", f"{self.number(1, 99)}.{self.number(0, 9)}")
            .replace("{id}", self.mark())
        )

    def mark(self) -> str:
        return f"{self.pick(('T', 'R', 'ADR-', 'REQ-', 'S'))}{self.number(1, 40):02d}"

    def document(self, sections: int) -> str:
        """A technical document in markdown: headings, prose, bullets, tables, figures."""
        parts = [f"# {self.pick(_HEADINGS)}"]
        for at in range(sections):
            parts.append(f"{'#' * self.number(2, 3)} {at + 1}. {self.pick(_HEADINGS)}")
            kind = self.number(0, 3)
            if kind == 0:
                rows = "\n".join(
                    f"| {self.mark()} | {self.pick(LIBRARIES)} | {self.number(1, 900)} ms | {self.remark()} |"
                    for _ in range(self.number(2, 8))
                )
                parts.append(f"| id | part | p99 | note |\n|---|---|---|---|\n{rows}")
            elif kind == 1:
                parts.append("\n".join(f"- {self.remark()}" for _ in range(self.number(2, 7))))
            elif kind == 2:
                parts.append("\n".join(f"{n}. {self.remark()}" for n in range(1, self.number(3, 6))))
            parts.append(" ".join(self.remark() for _ in range(self.number(1, 5))))
        return "\n\n".join(parts)

    def issue(self) -> str:
        """A report as people file it: what happens, how to see it, what was expected."""
        trouble = self.fill(self.pick(_TROUBLES))
        steps = "\n".join(f"{n}. {self.fill(self.pick(_STEPS))}" for n in range(1, self.number(3, 5)))
        version = f"{self.number(0, 9)}.{self.number(0, 20)}.{self.number(0, 9)}"
        return self.pick(
            (
                f"### Describe the bug\n{trouble}\n\n### To reproduce\n{steps}\n\n### Expected behavior\n{self.remark()}\n\n"
                f"### Environment\n- version: {version}\n- OS: {self.pick(('macOS', 'Ubuntu', 'Windows'))}",
                f"{trouble}\n\nSteps to reproduce:\n{steps}\n\nActual result:\n{self.trace()}\n",
                f"{trouble} Since {version}.\n\n```\n{self._function()}\n```\n\nThis used to work in earlier versions. {self.remark()}",
                f"Description\n\t\n(last modified by {self.pick(NAMES)})\n{trouble} {self.remark()} {self.remark()}\n{self._function()}",
            )
        )

    def statement(self) -> str:
        """A task of a programming contest."""
        examples = "\n".join(f"{self.number(1, 99)} {self.number(1, 99)}" for _ in range(self.number(1, 3)))
        return (
            f"{self.fill(self.pick(_TASKS))}\n\nInput\n{self.pick(_INPUTS)}\n\nOutput\n{self.pick(_OUTPUTS)}\n\n"
            f"{self.pick(('Example', 'Sample Input 1', 'Examples'))}\n{examples}\n\n"
            f"{self.pick(('Output', 'Sample Output 1'))}\n{self.number(0, 99)}\n\nConstraints: 1 <= n <= 10^{self.number(3, 6)}"
        )

    def tables(self) -> str:
        return "\n".join(
            f"CREATE TABLE {thing} (id INT PRIMARY KEY, {self.pick(THINGS)}_id INT, name TEXT, amount NUMERIC, created DATE);"
            for thing in self.random.sample(THINGS, self.number(1, 3))
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
