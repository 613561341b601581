"""Runs first in the packaged program: what it starts (a browser, llama-server) must find the system's libraries, not ours."""

import os

# The loader has read it already; only children would be misled.
before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
if before is not None:
    os.environ["LD_LIBRARY_PATH"] = before
else:
    os.environ.pop("LD_LIBRARY_PATH", None)
