"""A place that serves models, as the user set it up."""

from dataclasses import dataclass

from turnout.calls.units import Family


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    family: Family
    base_url: str
    """Scheme, host, port and path prefix; the key is bound to its origin."""
    key: str = "keyring"
    """keyring | none"""
    sovereign: bool = False
    first_byte_s: float = 300.0
    idle_s: float = 120.0
    total_s: float = 1800.0
    connect_s: float = 10.0
    insecure_http: bool = False
    responses: str = "auto"
    """Whether an `openai` provider has /responses: yes | no | auto (ask once)."""
    gguf: str = ""
    """A file to serve through the `embedded` extra."""
    num_ctx: int | None = None
    """Ollama: pin one window for all clients; None: chosen from the first estimate and kept."""
    models: tuple[str, ...] = ()
    """Known names, where the provider cannot list them."""
    enabled: bool = True

    @property
    def needs_key(self) -> bool:
        return self.key != "none"
