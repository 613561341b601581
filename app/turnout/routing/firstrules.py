"""The rules.toml that is written once, when there is none: useful as it stands, for the tiers that exist."""


def default_rules_text(has_local: bool, has_high: bool, has_fast: bool) -> str:
    """Commented, accepted by `read_rules`, routes only to tiers that have a model (with none at all: by grade)."""
    cheap = "local" if has_local else "fast" if has_fast else "high" if has_high else "grade"
    abstain = "fast" if has_fast else "high" if has_high else "local" if has_local else "fast"
    tiers = ", ".join(name for name, there in (("high", has_high), ("fast", has_fast), ("local", has_local)) if there)
    text = _HEAD.format(tiers=tiers or "no tier yet; list models under [tiers] in turnout.toml", abstain=abstain)
    text += _PRIVATE_HOME if has_local else _PRIVATE_BLOCKED
    text += _MIDDLE.format(cheap=cheap)
    text += _GRADE_UP if has_local or has_fast else _GRADE
    return text + _TAIL.format(probe=_PROBE if has_local else "")


_HEAD = """\
# Turnout's rules: which call gets which model, and what it may cost. The first rule that matches wins.
# Saved changes are in force at once; a file with an error is refused and the last good one kept (`turnout rules check`).
# Models at hand when this was written: {tiers}.

[grade]                               # LOW -> local, MEDIUM -> fast, HIGH -> high
abstain = "{abstain}"                      # where an ask goes that the grader is not sure about
confidence = 0.45                     # below this it is not sure
safety = 0.3                          # higher: fewer hard asks sent low, more easy ones sent high

[signals]                             # named facts about a call, for `when`; read only if a rule that is reached needs them
secret  = {{ kind = "secret" }}         # a key or password in the text
loop    = {{ kind = "tool-loop" }}      # the answer to a tool call, not a person
complete = {{ kind = "housekeeping", is = "fim" }}      # an editor's inline completion
side    = {{ kind = "housekeeping" }}   # titles, summaries and the like, which clients ask for themselves
tier    = {{ kind = "model", is = ["high", "fast", "local"] }}   # the client asks for a tier by name
exact   = {{ kind = "model", is = "*/*" }}                # the client asks for provider/model
# big    = {{ kind = "tokens", gte = 60000 }}
# mobile = {{ kind = "match", field = "last_ask", regex = "(?i)swift|kotlin" }}
# late   = {{ kind = "time", of_day = "20:00-06:00" }}
# tight  = {{ kind = "budget", used = "day", gte = 0.8 }}
"""

_PRIVATE_HOME = """
[[rule]]
name = "secrets stay home"            # on a sovereign engine, for the rest of the conversation; refused if there is none
when = "secret"
route = "local"
private = true
"""

_PRIVATE_BLOCKED = """
[[rule]]
name = "secrets are not sent"         # with a local engine: route = "local" and private = true
when = "secret"
route = "block"
"""

_MIDDLE = """
[[rule]]
name = "completions stay quick"       # fill-in-the-middle, while somebody types
when = "complete"
route = "{cheap}"

[[rule]]
name = "side requests go cheap"
when = "side"
route = "{cheap}"

[[rule]]
name = "a model asked for by name"
when = "tier or exact"
route = "asked"

[[rule]]
name = "a tool loop keeps its model"
when = "loop"
route = "pinned"
"""

_GRADE = """
[[rule]]
name = "everything else by grade"
when = "true"
route = "grade"
on_failure = ["next"]
"""

_GRADE_UP = """
[[rule]]
name = "everything else by grade"
when = "true"
route = "grade"
on_failure = ["next", "up"]           # the tier's next model, then one tier up; also "down" and "refuse"
# max_usd_per_call = 0.50
# mode = "observe"                    # only note what it would do, and give the client what it asked for
"""

_TAIL = """
# [[budget]]                          # hard: held before a call is sent, for all calls at once
# name = "a day's work"
# scope = {{ client = "each" }}         # client, developer, department, project, session, session_tree, tier, model, all
# usd = 5.00                          # or credits (cents), calls, tokens
# per = "day"                         # minute, hour, day, week, month, session, ever
# on_exceed = "downgrade"             # downgrade, refuse, ask

# The loop guard: an agent that goes on without a person is stopped here. `loop = []` above [grade] switches it off.
[[loop]]
scope = {{ session = "each" }}
turns = 200                           # calls since the last truly new ask
same_request = 4                      # the same request, answered and sent again
same_tool_call = 12                   # the same tool call in a row
per_minute = 240
usd = 3.00                            # since the last truly new ask
on_exceed = "ask"                     # the tray asks; nobody there: refuse
{probe}"""

_PROBE = """
[[probe]]                             # checked whenever this file is saved
ask = "rename this variable to total"
expect = "local"
"""
