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
        "GOOGLE_GEMINI_BASE_URL": url,
        "GEMINI_API_KEY": token,
    }


def lines(set_: Mapping[str, str], shell: str) -> list[str]:
    """For `sh`, `fish` or `powershell`. Tokens and URLs hold no quotes."""
    if shell == "fish":
        return [f"set -gx {key} '{value}'" for key, value in set_.items()]
    if shell == "powershell":
        return [f"$env:{key} = '{value}'" for key, value in set_.items()]
    return [f"export {key}='{value}'" for key, value in set_.items()]
