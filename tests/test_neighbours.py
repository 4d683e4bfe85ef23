"""What the tests open beside the checkout is noticed."""

from __future__ import annotations

from pathlib import Path

from tests.neighbours import Neighbours


def test_what_lies_beside_the_checkout_is_noticed(tmp_path: Path) -> None:
    """Files and folders beside it count, however they are spelled; it itself, and what is elsewhere, does not."""
    checkout, beside = tmp_path / "checkout", tmp_path / "beside"
    heard = Neighbours(tmp_path, checkout, tmp_path.parent)

    for path in (checkout, checkout / "a.py", tmp_path.parent / "else", 7, None):
        heard.hear("open", (path, "r", 0))
        heard.hear("os.listdir", (path,))
    assert list(heard.opened) == []

    heard.hear("open", (str(checkout / ".." / "beside" / "x.md"), "r", 0))
    heard.hear("os.scandir", (beside,))
    heard.hear("os.remove", (beside / "gone", -1))
    assert list(heard.opened) == [str(beside / "x.md"), str(beside)]
