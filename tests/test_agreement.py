"""Every number of the reference cases: ours equals it, or it is said why it does not."""

import collections

import jax
import pytest

from experiments.agreement import table
from experiments.agreement.base import CASES, load_case

# By metric and case, which is by what has to be compiled.
GROUPS = collections.defaultdict(list)
for _row in table.ROWS:
  for _name in _row.cases:
    if _row.key in load_case(_name).scores or _row.key in load_case(_name).extras:
      GROUPS[_row.metric, _name].append(_row)


@pytest.mark.parametrize(("metric", "name"), GROUPS)
def test_ours_are_theirs(metric, name):
  with jax.enable_x64(True):
    found = [table.compare_row(row, load_case(name)) for row in GROUPS[metric, name]]
  wrong = [table.line(comparison) for comparison in found if not comparison.agrees]
  assert not wrong, "\n".join(wrong)


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
