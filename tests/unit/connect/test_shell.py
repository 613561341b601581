import shutil
import subprocess

import pytest

from turnout.connect.shell import kind_of, lines, variables

SET = variables("http://127.0.0.1:7717", "tn-canary")


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "export OPENAI_API_KEY='tn-canary'"),
        ("zsh", "export OPENAI_API_KEY='tn-canary'"),
        ("fish", "set -gx OPENAI_API_KEY 'tn-canary'"),
        ("pwsh", "$env:OPENAI_API_KEY = 'tn-canary'"),
        ("tcsh", "setenv OPENAI_API_KEY 'tn-canary'"),
        ("nu", "$env.OPENAI_API_KEY = 'tn-canary'"),
    ],
)
def test_each_shell_gets_lines_of_its_own(shell: str, line: str) -> None:
    assert line in lines(SET, kind_of(shell))


def test_another_shell_is_told_apart() -> None:
    with pytest.raises(KeyError):
        kind_of("xonsh")


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh"])
def test_a_real_shell_takes_the_lines(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    script = "\n".join([*lines(SET, kind_of(shell)), *(f'echo "${name}"' for name in SET)])

    said = subprocess.run((shell, "-c", script), capture_output=True, text=True, check=True).stdout

    assert said.splitlines() == list(SET.values())
