"""The pages that are written from the code say what the code says."""

import pathlib

from experiments.agreement import table
from experiments.describe_metrics import page
from lead_jax.metrics._table import METRICS

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_up_to_date():
  written = (DOCS / "metrics.md").read_text(encoding="utf-8")
  assert written == page(), "run python -m experiments.describe_metrics"
  for name in METRICS:
    assert f"| `{name}` |" in written
  rows = [line for line in written.splitlines() if line.startswith("| `")]
  cells = {line.replace("\\|", "").count("|") for line in rows}
  assert cells == {10, 5, 4}


def test_agreement_names_every_row():
  written = (DOCS / "agreement.md").read_text(encoding="utf-8")
  for row in table.ROWS:
    assert f"| `{row.key}` |" in written, "run python -m experiments.check_oracles"
  assert "**apart**" not in written
