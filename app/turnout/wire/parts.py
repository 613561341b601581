"""Small shapes several dialects share: data URLs, and a tool's namespace folded into its name."""

from turnout.calls.request import Image

JOINT = "__ns__"
"""Between namespace and name where a dialect has no namespaces; no client's own tool was seen to hold it."""


def split_data_url(url: str) -> tuple[str, str]:
    """`data:image/png;base64,AAAA` -> (image/png, AAAA); anything else comes back as ("", url)."""
    if not url.startswith("data:"):
        return "", url
    head, _, data = url[5:].partition(",")
    return head.partition(";")[0] or "application/octet-stream", data


def data_url(media_type: str, data: str) -> str:
    return f"data:{media_type or 'application/octet-stream'};base64,{data}"


def image_of(url: str, detail: str = "") -> Image:
    media, data = split_data_url(url)
    return Image(media, data, "", detail) if media else Image(url=url, detail=detail)


def flat_name(namespace: str, name: str) -> str:
    """Reversible by `split_flat_name`: a model calls what it was shown, and the client is told what it offered."""
    return f"{namespace}{JOINT}{name}" if namespace else name


def split_flat_name(name: str) -> tuple[str, str]:
    namespace, joint, rest = name.partition(JOINT)
    return (namespace, rest) if joint else ("", name)
