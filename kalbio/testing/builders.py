"""Made-up data that looks like a lab's: the same for the same seed."""

from __future__ import annotations

from random import Random
from typing import Any

# Scaffolds with one place for a group, and their atoms without it; groups, and theirs.
_SCAFFOLDS = {
    "c1ccc({})cc1": {"C": 6, "H": 5},
    "c1ccc2[nH]c({})cc2c1": {"C": 8, "H": 6, "N": 1},
    "c1ccc2nc({})ccc2c1": {"C": 9, "H": 6, "N": 1},
    "C1CCN({})CC1": {"C": 5, "H": 10, "N": 1},
    "c1cnc({})nc1": {"C": 4, "H": 3, "N": 2},
    "O=C(N{})c1ccncc1": {"C": 6, "H": 5, "N": 2, "O": 1},
}
_GROUPS = {
    "C(N)=O": {"C": 1, "H": 2, "N": 1, "O": 1},
    "CC(=O)O": {"C": 2, "H": 3, "O": 2},
    "CCOC": {"C": 3, "H": 7, "O": 1},
    "S(N)(=O)=O": {"H": 2, "N": 1, "O": 2, "S": 1},
    "CC(C)C": {"C": 4, "H": 9},
    "C1CC1": {"C": 3, "H": 5},
    "Cc1ccc(F)cc1": {"C": 7, "H": 6, "F": 1},
    "CC(F)(F)F": {"C": 2, "H": 2, "F": 3},
}
_WEIGHTS = {"C": 12.011, "H": 1.008, "F": 18.998, "N": 14.007, "O": 15.999, "S": 32.06}  # in the order of a formula


def make_compounds(count: int, *, key: str = "Compound", prefix: str = "CPD", seed: int = 0) -> list[dict[str, Any]]:
    """Return rows of compounds: a key, SMILES, a formula and the molecular weight that go with them, and logP.

    Args:
        count: how many.
        key: name of the key column.
        prefix: what the keys begin with; a running number follows.
        seed: another seed gives other compounds.

    Example:
        >>> make_compounds(1)
        [{'Compound': 'CPD-00001', 'SMILES': ..., 'Formula': ..., 'Molecular weight': ..., 'logP': ...}]
    """
    draw = Random(seed)  # noqa: S311  # test data
    rows = []
    for number in range(1, count + 1):
        scaffold, group = draw.choice(list(_SCAFFOLDS)), draw.choice(list(_GROUPS))
        atoms = {symbol: _SCAFFOLDS[scaffold].get(symbol, 0) + _GROUPS[group].get(symbol, 0) for symbol in _WEIGHTS}
        rows.append(
            {
                key: f"{prefix}-{number:05}",
                "SMILES": scaffold.format(group),
                "Formula": "".join(f"{s}{n if n > 1 else ''}" for s, n in atoms.items() if n),
                "Molecular weight": round(sum(_WEIGHTS[symbol] * n for symbol, n in atoms.items()), 2),
                "logP": round(draw.gauss(2.4, 1.3), 2),
            }
        )
    return rows


def make_assay_results(
    compounds: list[dict[str, Any]], *, key: str = "Compound", seed: int = 0
) -> list[dict[str, Any]]:
    """Return a row of results for each compound: IC50 in nM, log-normally spread, inhibition in percent, and a flag.

    Args:
        compounds: rows with a key column, e.g. of `make_compounds`.
        key: name of the key column.
        seed: another seed gives other results.

    Example:
        >>> make_assay_results(make_compounds(1))
        [{'Compound': 'CPD-00001', 'IC50': ..., 'Inhibition': ..., 'Active': ...}]
    """
    draw = Random(seed)  # noqa: S311  # test data
    rows = []
    for compound in compounds:
        ic50 = round(10 ** draw.gauss(2.7, 0.8), 1)
        inhibition = round(100 / (1 + ic50 / 1000) + draw.gauss(0, 2), 1)
        rows.append({key: compound[key], "IC50": ic50, "Inhibition": inhibition, "Active": ic50 < 500})
    return rows
