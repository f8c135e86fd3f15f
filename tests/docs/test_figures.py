"""Numbers that the gallery quotes as a table are those behind its picture."""

import csv
import pathlib

from experiments.figures import ped_table1

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


def test_the_documented_grid_of_k_is_the_measured_one():
  with open(DOCS / "figures/realzoo/ped_table1.csv", newline="") as file:
    rows = [{k: _number(v) for k, v in row.items()} for row in csv.DictReader(file)]
  text = (DOCS / "figures.md").read_text(encoding="utf-8")
  assert ped_table1.markdown(rows, "mean") in text


def _number(cell):
  try:
    return float(cell or "nan")
  except ValueError:
    return cell
