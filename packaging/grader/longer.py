"""Longer made-up material: whole source files with their comments, manuals, system logs, stack traces, meetings."""

from payloads import ERRORS, LIBRARIES, NAMES, THINGS, Maker

_LICENCES = (
    "Licensed under the terms of the MIT licence, see LICENSE for the full text.",
    "This file is free software; you may redistribute it under the same terms.",
    "Copyright (c) 20{n} {a} and contributors. All rights reserved.",
    "Written by {a}, later changed by {b}.",
    "SPDX-License-Identifier: Apache-2.0",
)
_ABOUT = (
    "Keeps {t} in step with {u}.",
    "The order of {t} is kept as long as nobody adds {u} from another thread.",
    "This module has been studied a lot, and the simple way turned out to be the fastest one for fewer than {n} {t}.",
    "Usage: create one, give it {t}, then ask for {u} as often as you like.",
    "Note that {t} may be shared between processes, whereas {u} may not.",
    "An entry is dropped once it is older than {n} seconds.",
    "The first version stored {t} in a list; that was too slow once there were more than {n} of them.",
    "You should not call this from a signal handler.",
    "There are two kinds of {t}: those that were asked for and those that merely came along.",
    "If no {u} are given, the ones from the settings are used.",
    "For the background see the paper by {a} and {b}.",
    "It is an error to close it twice.",
)
_NOTES = (
    "only the first one counts", "see above", "the caller holds the lock", "keep this in step with the docs", "cheap enough",
    "{a} found that this is {k} times faster", "not reached in practice", "older servers send null here", "inclusive",
)  # fmt: skip
_UNITS = ("kubelet", "sshd", "cron", "systemd", "dockerd", "nginx", "postgres", "dhclient", "kernel", "haproxy")
_EVENTS = (
    "started", "listening on 0.0.0.0:80{n}", "connection closed by 10.0.{k}.{n}", "lease renewed", "out of memory: killed process {n}",
    "session opened for user {a}", "slow operation took {n}00 ms", "retrying in {k} s", "checkpoint complete", "{e}",
    "certificate expires in {n} days", "disk usage at {n}%", "image pull failed", "peer unreachable", "reload done",
)  # fmt: skip
_SECTIONS = (
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "OPTIONS",
    "FILES",
    "EXAMPLES",
    "BUGS",
    "SEE ALSO",
    "Installation",
    "Usage",
)
_ROLES = ("Project lead", "Designer", "Marketing", "Professor", "Student", "Chair", "Secretary", "Minister", "Engineer")
_FILLERS = ("Um", "Okay", "Right", "Yeah", "Well", "Mm-hmm", "So", "Uh", "Alright")
_TALK = (
    "I think the {t} should come first.",
    "what about the {t}, do we still want them?",
    "we said last time that {u} are too expensive.",
    "I'm not sure that people use {t} that often.",
    "the survey says {n} percent never touch the {u}.",
    "can we come back to the {t} later?",
    "that was my point, more or less.",
    "I would rather keep it simple and leave the {u} out.",
    "then let's decide on the {t} now.",
    "somebody has to write that down.",
    "I have {k} slides about the {u}.",
    "the cost is about {n} a piece, so no.",
    "and how does that go with the {u}?",
    "I disagree, the {t} are what sets us apart.",
    "thank you, {a}. Next please.",
    "we have {k} minutes left.",
)


def _remarks(make: Maker, most: int) -> list[str]:
    return [make.fill(make.pick(_ABOUT)) for _ in range(make.number(1, most))]


def code_file(make: Maker) -> str:
    """A source file: licence, what it is for in prose, functions with comments."""
    hashes = make.chance(0.6)
    mark = "# " if hashes else "// "
    head = [f"{mark}{make.fill(make.pick(_LICENCES))}" for _ in range(make.number(0, 3))]
    about = _remarks(make, 9)
    if hashes and make.chance(0.7):
        head.append('"""' + about[0] + "\n\n" + "\n".join(about[1:]) + '\n"""')
    elif make.chance(0.5):
        head.append("/*\n * " + "\n * ".join(about) + "\n */")
    else:
        head.append("\n".join(f"{mark}{one}" for one in about))
    imports = make.pick(
        ("import {}", "from {} import load", "#include <{}.h>", "use {}::prelude;", 'const x = require("{}");')
    )
    parts = ["\n".join(head), "\n".join(imports.format(make.pick(THINGS)) for _ in range(make.number(1, 6)))]
    for _ in range(make.number(2, 14)):
        note = f"{mark}{make.fill(make.pick(_NOTES))}\n" if make.chance(0.4) else ""
        parts.append(note + make.code())
    return "\n\n".join(parts)


def manual(make: Maker) -> str:
    """A README or a manual page: short sections of prose, options, commands."""
    name = make.pick(LIBRARIES).lower()
    parts = [make.pick((f"{name}\n{'=' * len(name)}", f"# {name}", f"{name.upper()}(1)"))]
    for section in make.random.sample(_SECTIONS, make.number(3, 8)):
        body = make.pick(
            (
                " ".join(_remarks(make, 5)),
                make.article(make.number(2, 6)),
                "\n".join(
                    f"    --{make.pick(THINGS)}  {make.fill(make.pick(_ABOUT))}" for _ in range(make.number(2, 7))
                ),
                f"    {name} --{make.pick(THINGS)} {make.pick(THINGS)}.conf\n\n" + " ".join(_remarks(make, 3)),
            )
        )
        parts.append(f"{make.pick(('', '## '))}{section}\n{body}")
    return "\n\n".join(parts)


def system_log(make: Maker) -> str:
    """Lines as journald or syslog prints them."""
    month, day = make.pick(("Jan", "Mar", "Jun", "Sep", "Nov")), make.number(1, 28)
    level = make.chance(0.6)
    return "\n".join(
        f"{month} {day:2d} {make.number(0, 23):02d}:{make.number(0, 59):02d}:{make.number(0, 59):02d} host{make.number(1, 5)} "
        f"{make.pick(_UNITS)}[{make.number(100, 9999)}]: "
        f"{make.pick(('INFO ', 'INFO ', 'WARN ', 'ERROR ', 'DEBUG ')) if level else ''}{make.fill(make.pick(_EVENTS))}"
        for _ in range(make.number(15, 120))
    )


def long_trace(make: Maker) -> str:
    """An exception with dozens of frames and a cause."""
    frames = "\n".join(
        f"\tat com.acme.{make.pick(THINGS)}.{make.pick(('Filter', 'Service', 'Proxy', 'Runner'))}."
        f"{make.pick(('run', 'invoke', 'handle'))}(Source.java:{make.number(9, 900)})"
        for _ in range(make.number(10, 60))
    )
    return f"{make.pick(ERRORS)}\n{frames}\nCaused by: {make.pick(ERRORS)}\n{frames[:600]}"


def meeting(make: Maker) -> str:
    """A transcript of a meeting of several people, as it was spoken."""
    people = make.random.sample(_ROLES if make.chance(0.5) else NAMES, make.number(3, 5))
    return "\n".join(
        f"{make.pick(people)}: {make.pick(_FILLERS)} {make.pick((',', '.', ''))} "
        + " ".join(make.fill(make.pick(_TALK)) for _ in range(make.number(0, 4)))
        for _ in range(make.number(12, 70))
    )
