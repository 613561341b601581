"""rules.toml as it is edited: what stands in the file, what it would become, and the steps between. A draft is never lost to the file."""

from enum import Enum

from turnout.desktop.models.merge import merged

KEPT = 200
"""Steps of undo."""


class Came(Enum):
    """What became of a file that reads otherwise than before."""

    TAKEN = "taken"
    MERGED = "merged"
    """Its edit and the draft's are both in the draft now."""
    CLASH = "clash"
    """Both edited the same place: the draft stays until the user decides."""


class RuleDraft:
    def __init__(self) -> None:
        self.saved = ""
        """As the file was read or written last."""
        self.text = ""
        self.theirs: str | None = None
        """What stands in the file while it clashes with the draft."""
        self._past: list[str] = []
        self._future: list[str] = []

    @property
    def dirty(self) -> bool:
        return self.text != self.saved

    @property
    def can_go_back(self) -> bool:
        return bool(self._past)

    @property
    def can_go_forward(self) -> bool:
        return bool(self._future)

    def set(self, text: str) -> None:
        """A step that can be undone."""
        if text != self.text:
            self._past = [*self._past[-KEPT + 1 :], self.text]
            self._future.clear()
            self.text = text

    def go_back(self) -> None:
        if self._past:
            self._future.append(self.text)
            self.text = self._past.pop()

    def go_forward(self) -> None:
        if self._future:
            self._past.append(self.text)
            self.text = self._future.pop()

    def file_reads(self, found: str) -> Came:
        """The file was changed outside; to what it holds the user can come back by undoing."""
        if self.dirty and found != self.text:
            both = merged(self.saved, self.text, found)
            if both is None:
                self.theirs = found
                return Came.CLASH
            self.saved, self.theirs = found, None
            self.set(both)
            return Came.MERGED
        first = not self.saved and not self.text
        self.saved, self.theirs = found, None
        if first:
            self.text = found
        else:
            self.set(found)
        return Came.TAKEN

    def take_theirs(self) -> None:
        """The file as it stands; the draft is one step back."""
        if self.theirs is not None:
            self.saved, theirs, self.theirs = self.theirs, self.theirs, None
            self.set(theirs)

    def keep_mine(self) -> bool:
        """Saving writes the draft then; what stands in the file is one step back. False: there is nothing to decide any more."""
        if self.theirs is None:
            return False
        self.saved, self.theirs = self.theirs, None
        self._past = [*self._past[-KEPT + 1 :], self.saved]
        return True
