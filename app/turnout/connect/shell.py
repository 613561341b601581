"""Environment variables that point SDKs and tools here, and how each shell writes them."""

from collections.abc import Mapping


def variables(url: str, token: str) -> dict[str, str]:
    """`url` without a trailing slash. Ollama's own libraries send no key: theirs stands in the path."""
    return {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_BASE": f"{url}/v1",
        "OPENAI_API_KEY": token,
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_AUTH_TOKEN": token,
        # What knows only this one would send the user's own key here, or none.
        "ANTHROPIC_API_KEY": token,
        "OLLAMA_HOST": f"{url}/c/{token}",
        "OLLAMA_API_BASE": f"{url}/c/{token}",
        # In the path too: a GOOGLE_API_KEY of the user's own goes before GEMINI_API_KEY.
        "GOOGLE_GEMINI_BASE_URL": f"{url}/c/{token}",
        "GEMINI_API_KEY": token,
    }


KINDS = {
    "sh": "export {key}='{value}'",
    "fish": "set -gx {key} '{value}'",
    "powershell": "$env:{key} = '{value}'",
    "csh": "setenv {key} '{value}'",
    "nu": "$env.{key} = '{value}'",
}
"""How a kind of shell sets a variable. Tokens and URLs hold no quotes."""
_KIND_OF = {"bash": "sh", "zsh": "sh", "dash": "sh", "ash": "sh", "ksh": "sh", "pwsh": "powershell", "tcsh": "csh"}


def kind_of(name: str) -> str:
    """A shell's name or kind -> its kind; raises KeyError."""
    kind = _KIND_OF.get(name, name)
    if kind not in KINDS:
        raise KeyError(name)
    return kind


def lines(set_: Mapping[str, str], kind: str) -> list[str]:
    return [KINDS[kind].format(key=key, value=value) for key, value in set_.items()]
