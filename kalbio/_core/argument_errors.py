"""What is raised for an argument that cannot be used: a ValueError or a TypeError, shown in notebooks as three lines.

They stand outside of the tree of `errors.py`: a slip in the code is raised whatever the policy for errors says.
"""

from __future__ import annotations


class _ShownInThreeLines:
    def _render_traceback_(self) -> list[str]:
        # What IPython and Jupyter show when nobody caught it. Python itself shows the whole traceback.
        from kalbio._core.text.tracebacks import in_three_lines

        assert isinstance(self, BaseException)
        return in_three_lines(self, "")


class ArgumentError(_ShownInThreeLines, ValueError):
    """An argument has a value that cannot be used; the text names it and the cure."""


class ArgumentTypeError(_ShownInThreeLines, TypeError):
    """An argument is of a type that cannot be used there, or there is no argument of this name."""
