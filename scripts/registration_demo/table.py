"""The input: approved small-molecule drugs.

SMILES are written without stereochemistry, melting points are in degrees Celsius, logP is the octanol-water partition
coefficient, "approved" is the year of the first approval in the United States.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

Row = dict[str, str]

KEY = "Drug"
FIELDS = {
    "CAS number": "text",
    "SMILES": "smiles-string",
    "Formula": "text",
    "Molecular weight": "number",
    "logP": "number",
    "Melting point": "number",
    "Approved": "number",
}
RESULT_FIELDS = {"Calculated weight": "number", "Identity confirmed": "boolean"}
SPOILT = "Warfarin"
"""The drug whose row in the results file has a wrong CAS number."""

_COLUMNS = dict(
    zip(
        ("name", "CAS number", "SMILES", "formula", "molecular weight", "logP", "melting point", "approved"),
        (KEY, *FIELDS),
        strict=True,
    )
)
_ATOMIC_WEIGHTS = {"C": 12.011, "H": 1.008, "N": 14.007, "O": 15.999, "S": 32.06, "F": 18.998, "Cl": 35.45}


def read_drugs() -> list[Row]:
    """Return the drugs, one dict of field name to text for each."""
    with (Path(__file__).parent / "drugs.csv").open(encoding="utf-8", newline="") as file:
        return [{_COLUMNS[name]: value for name, value in row.items()} for row in csv.DictReader(file)]


def results_file(drugs: list[Row]) -> bytes:
    """Return what an analytical lab hands in: what it believes each sample to be. One row is wrong."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [KEY, "CAS number", "Formula", "Molecular weight"], extrasaction="ignore")
    writer.writeheader()
    for drug in drugs:
        if drug[KEY] == SPOILT:
            digits = drug["CAS number"]
            drug = {**drug, "CAS number": digits[:-1] + str((int(digits[-1]) + 2) % 10)}
        writer.writerow(drug)
    return text.getvalue().encode("utf-8")


def weight_of(formula: str) -> float:
    """Return the molecular weight of a formula, in g/mol."""
    return sum(_ATOMIC_WEIGHTS[symbol] * int(n or 1) for symbol, n in re.findall(r"([A-Z][a-z]?)(\d*)", formula))


def complaint_about(row: Row) -> str | None:
    """Return what is wrong with a row of the results file, None when it is right."""
    number = row["CAS number"]
    digits = number.replace("-", "")
    if not re.fullmatch(r"\d{2,7}-\d{2}-\d", number):
        return f"{number} is no CAS number"
    if sum(place * int(digit) for place, digit in enumerate(reversed(digits[:-1]), start=1)) % 10 != int(digits[-1]):
        return f"CAS number {number} fails its check digit"
    if abs(weight_of(row["Formula"]) - float(row["Molecular weight"])) > 0.1:
        return f"{row['Formula']} does not weigh {row['Molecular weight']}"
    return None
