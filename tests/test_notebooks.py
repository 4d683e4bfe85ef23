"""The notebooks in examples/ run from the first cell to the last, and do what their text says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from scripts.notebooks import EXAMPLES, cells

# What runs after the last cell of each: what the text claims, asked of the sandbox.
CHECKS = {
    "first_steps": """
assert list(frame["Compound"])[-1] == "Aspirin"
assert client.records.get_record_by_id({"Compound": "Aspirin"})["Potency (nM)"] == 265_000
""",
    "screening_campaign": """
screened = client.records.table(activity=screen, fields=["Compound", "Potency (nM)", "Hill slope"], sorts=["Compound"])
assert screened["Compound"] == [f"SBX-{number}" for number in range(1, 9)]
for found, meant in zip(screened["Potency (nM)"], [12.5, 340, 0.9, 1500, 85, 4.2, 2600, None], strict=True):
    assert found is meant is None or 0.9 < found / meant < 1.1
assert screened["Hill slope"][7] is None
assert client.records.get_record_by_id({"Compound": "SBX-4"}).value("Potency (nM)", activity="Kinase screen") == 1500
""",
    "nightly_load": """
purity = dict(fields=["Compound", "Purity (%)"], history=True)
history = client.records.table(ids=[{"Compound": "SBX-2"}], **purity)
assert history["value"] == [97.0, 94.1, 93.5]
assert client.records.table(ids=[{"Compound": "CPD-0042"}], **purity)["value"] == [99.1]
assert client.records.get_record_by_id({"Compound": "SBX-3"})["Purity (%)"] == 95
""",
    "experiment_to_provenance": """
assert kaleidoscope.activities.get_activity_by_id(origin[0].study_alternative_id) == screen
assert {raw.id, run.id, study.id, fit.id, ada.id} <= {node.id for node in lineage.nodes}
assert Path("work/values.csv").read_bytes() == Path("screen/values.csv").read_bytes()
assert [file.path for file in provena.datasets.files(found)] == ["best.csv", "metadata.json"]
assert provena.datasets.get(raw).user_metadata == {"kaleidoscope_activity": screen.id}
""",
    "structures": """
assert len(data) == 60
assert 0.6 < explained < 1
assert client.records.get_record_by_id({"Compound": "bibenzyl"})["Rotatable bonds"] == 3
""",
}


def test_they_run(tmp_path: Path) -> None:
    """Every notebook runs to its end with warnings as errors, and what it says it wrote is there."""
    checks = tmp_path / "checks.json"
    checks.write_text(json.dumps(CHECKS), "utf-8")
    command = [sys.executable, "-m", "scripts.notebooks", "--checks", str(checks)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert sorted(re.findall(r"^(\w+)\.ipynb: ", ran.stdout, re.MULTILINE)) == sorted(CHECKS), ran.stdout


def test_they_hold_no_outputs() -> None:
    """They are kept without outputs, which would be of some machine, and each cell has code to run or text."""
    assert sorted(path.stem for path in EXAMPLES.glob("*.ipynb")) == sorted(CHECKS)
    for path in EXAMPLES.glob("*.ipynb"):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            assert cell["source"], (path.name, cell["id"])
            if cell["cell_type"] == "code":
                assert (cell["outputs"], cell["execution_count"]) == ([], None), (path.name, cell["id"])
        assert all(code.strip() for _, code in cells(path))
