"""Structures as pictures, where RDKit is installed. What is too large to be drawn at once is not drawn."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import Any
from xml.sax.saxutils import escape

from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Picture
from kalbio.sandbox.pages.visits import Pages, Visit

pages = Pages()

CAN_DRAW = find_spec("rdkit") is not None
_LONGEST_SMILES = 600
_MOST_ATOMS = 120
_SIZE = (300, 200)
_NOT_DRAWN = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 200"><text x="150" y="105" text-anchor="middle"'
    ' font-family="sans-serif" font-size="20" fill="#777">{}</text></svg>'
)


@pages.get(f"{PREFIX}/structures", locked=False)
def structure(visit: Visit) -> Picture:
    """The picture of a structure, given as SMILES."""
    return Picture(_drawn(visit.query.get("smiles")).encode())


@lru_cache(maxsize=500)
def _drawn(smiles: str) -> str:
    if not CAN_DRAW:
        return _not_drawn("RDKit is not installed")
    if not smiles or len(smiles) > _LONGEST_SMILES:
        return _not_drawn("too long to be drawn")
    from rdkit import Chem, rdBase
    from rdkit.Chem.Draw import rdMolDraw2D

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None:
            return _not_drawn("no structure")
        if molecule.GetNumAtoms() > _MOST_ATOMS:
            return _not_drawn("too large to be drawn")
        canvas = rdMolDraw2D.MolDraw2DSVG(*_SIZE)
        options: Any = canvas.drawOptions()
        options.clearBackground = False
        options.fixedBondLength = 32
        rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule)
        canvas.FinishDrawing()
        return str(canvas.GetDrawingText())


def _not_drawn(why: str) -> str:
    return _NOT_DRAWN.format(escape(why))
