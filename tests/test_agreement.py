"""Every number of the reference cases: ours equals it, or it is said why it does not."""

import jax
import pytest

from experiments.agreement import table
from experiments.agreement.base import CASES, load_case

PAIRS = [
  pytest.param(row, name, id=f"{row.metric}-{row.key}-{name}")
  for row in table.ROWS
  for name in CASES
  if name in row.cases
  and (row.key in load_case(name).scores or row.key in load_case(name).extras)
]


@pytest.mark.parametrize(("row", "name"), PAIRS)
def test_ours_is_theirs(row, name):
  with jax.enable_x64(True):
    comparison = table.compare_row(row, load_case(name))
  assert comparison.agrees, table.line(comparison)


def test_every_key_is_accounted_for():
  compared = {row.key for row in table.ROWS}
  apart = {entry.key for entry in table.APART}
  assert not compared & apart
  stored = set()
  for name in CASES:
    case = load_case(name)
    stored |= set(case.scores) | set(case.extras) | set(case.errors)
  assert stored == compared | apart


def test_a_wrong_number_is_seen():
  row = table.ROWS[0]
  wrong = row._replace(ours=lambda case: [2 * x for x in row.ours(case)])
  with jax.enable_x64(True):
    comparison = table.compare_row(wrong, load_case("wine_std"))
  assert not comparison.agrees
  assert comparison.difference == pytest.approx(0.5)
  page = table.markdown([comparison])
  assert "0 of 1 agree" in page
  assert "**apart**" in page
