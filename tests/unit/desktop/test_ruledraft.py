"""The draft of rules.toml: undone and done again, never lost to an edit of the file from outside."""

from turnout.desktop.models.ruledraft import KEPT, Came, RuleDraft

FILE = "one\n\n\ntwo\n\n\nthree\n"


def opened() -> RuleDraft:
    draft = RuleDraft()
    assert draft.file_reads(FILE) is Came.TAKEN
    return draft


def test_a_file_that_is_read_first_is_no_step() -> None:
    draft = opened()
    assert (draft.text, draft.dirty, draft.can_go_back, draft.can_go_forward) == (FILE, False, False, False)


def test_steps_are_undone_and_done_again() -> None:
    draft = opened()
    draft.set("a")
    draft.set("b")
    draft.go_back()
    assert (draft.text, draft.can_go_forward) == ("a", True)
    draft.go_forward()
    assert (draft.text, draft.can_go_forward) == ("b", False)
    draft.go_back()
    draft.go_back()
    draft.go_back()
    assert (draft.text, draft.dirty, draft.can_go_back) == (FILE, False, False)


def test_a_new_step_ends_what_could_be_done_again() -> None:
    draft = opened()
    draft.set("a")
    draft.go_back()
    draft.set("c")
    assert not draft.can_go_forward


def test_the_same_text_is_no_step() -> None:
    draft = opened()
    draft.set(FILE)
    assert not draft.can_go_back


def test_the_steps_kept_are_bounded() -> None:
    draft = opened()
    for number in range(KEPT + 50):
        draft.set(str(number))
    steps = 0
    while draft.can_go_back:
        draft.go_back()
        steps += 1
    assert steps == KEPT


def test_a_file_changed_outside_is_taken_over_and_can_be_undone() -> None:
    draft = opened()
    assert draft.file_reads("other\n") is Came.TAKEN
    assert (draft.text, draft.dirty) == ("other\n", False)
    draft.go_back()
    assert draft.text == FILE


def test_edits_of_different_places_are_both_there() -> None:
    draft = opened()
    draft.set(FILE.replace("one", "ONE"))
    theirs = FILE.replace("three", "THREE")
    assert draft.file_reads(theirs) is Came.MERGED
    assert (draft.saved, draft.text) == (theirs, "ONE\n\n\ntwo\n\n\nTHREE\n")


def test_edits_of_one_place_leave_the_draft_until_the_user_decides() -> None:
    draft = opened()
    draft.set(FILE.replace("two", "mine"))
    theirs = FILE.replace("two", "theirs")
    assert draft.file_reads(theirs) is Came.CLASH
    assert (draft.text, draft.saved, draft.theirs) == (FILE.replace("two", "mine"), FILE, theirs)
    draft.take_theirs()
    assert (draft.text, draft.saved, draft.theirs) == (theirs, theirs, None)
    draft.go_back()
    assert draft.text == FILE.replace("two", "mine")


def test_the_users_own_draft_can_be_kept_with_the_file_one_step_back() -> None:
    draft = opened()
    mine, theirs = FILE.replace("two", "mine"), FILE.replace("two", "theirs")
    draft.set(mine)
    draft.file_reads(theirs)
    assert draft.keep_mine()
    assert (draft.text, draft.saved, draft.dirty) == (mine, theirs, True)
    draft.go_back()
    assert draft.text == theirs
    assert not draft.keep_mine(), "decided once"


def test_a_draft_that_the_file_came_to_hold_is_saved() -> None:
    draft = opened()
    draft.set("same")
    assert draft.file_reads("same") is Came.TAKEN
    assert not draft.dirty
