"""System text on its way to another vendor. Claude Code opens its own with a billing line whose hash changes with every
conversation: left in, no prefix cache of a local model would ever hit across conversations."""

from turnout.calls.request import Message, Request, Role, Text

_BILLING = "x-anthropic-billing-header:"


def system_texts(message: Message) -> list[str]:
    """The blocks of one system message."""
    return [
        part.text
        for part in message.parts
        if isinstance(part, Text) and part.text and not part.text.startswith(_BILLING)
    ]


def without_billing(message: Message) -> str:
    """The text of one system message; blocks are joined by a blank line."""
    return "\n\n".join(system_texts(message))


def merged_system(request: Request) -> str:
    """All system text in order, for a dialect or template that takes one leading system message only."""
    texts = (without_billing(message) for message in request.messages if message.role is Role.SYSTEM)
    return "\n\n".join(text for text in texts if text)
