"""`turnout` with a scripted keyring in the operating system's place: `python -m tests.support.ringed serve ...`.

The product takes keys from no backend but the systems' own, so a test that needs a provider with a key puts one there.
"""

from tests.support.keyring_backend import FileRing
from turnout.cli import main
from turnout.keys import keyring

if __name__ == "__main__":
    keyring.system_backend = FileRing
    main()
