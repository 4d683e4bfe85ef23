"""Writes docs/unconfirmed.md: the open points of the API description."""

from __future__ import annotations

from pathlib import Path

from kalbio.diagnosis.description import load_description
from kalbio.diagnosis.points import page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "unconfirmed.md"

if __name__ == "__main__":
    PAGE.write_text(page(load_description()), encoding="utf-8")
