"""The evidence that reports quote is what the findings show, and what the script writes."""

import pathlib

from experiments.evidence import evidence_table
from lead_jax.literature import EVIDENCE_COLUMNS, read_evidence
from lead_jax.metrics._table import METRICS

FINDINGS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "findings.md"


def test_it_says_what_the_findings_say():
  text = FINDINGS.read_text(encoding="utf-8")
  table = text.split("<!-- evidence -->")[1].split("<!-- /evidence -->")[0]
  found = {}
  for line in table.strip().splitlines()[2:]:
    cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
    found[cells[0].split(" (")[0]] = (float(cells[1]), float(cells[3]))
  assert found.keys() == read_evidence().keys()
  for name, (tau, regret) in found.items():
    assert abs(read_evidence()[name].tau - tau) < 0.00051, name
    assert abs(read_evidence()[name].regret_1 - regret) < 0.051, name


def test_every_metric_in_it_exists():
  static = {"mean rank elsewhere", "parameters", "source accuracy", "random"}
  assert set(read_evidence()) - static <= set(METRICS)
  measured = read_evidence()["lead_held_out"]
  assert measured.datasets == ("eurosat10", "flowers5", "grocery43")
  assert measured.tau_low < measured.tau < measured.tau_high


def test_the_script_writes_such_a_table():
  tau = {"mean": 0.5, "low": None, "high": None}
  row = {
    "method": "knn",
    "kind": "metric",
    "failures": 2,
    "measures": {"tau_w": tau, "regret_1": {"mean": 1.25}, "regret_3": {"mean": 0.0}},
  }
  unmeasured = {**row, "measures": {**row["measures"], "tau_w": {**tau, "mean": None}}}
  found = {
    "datasets": {"a": {"samples": 10}, "b": {"samples": 7}},
    "models": ["x", "y", "z"],
    "rows": [row, unmeasured],
  }
  assert evidence_table(found).splitlines() == [
    ",".join(EVIDENCE_COLUMNS),
    "knn,metric,0.5000,,,1.2500,0.0000,2,3,a b,7,10,",
  ]
