"""Workers that share a store, few and quick; in full by the script."""

import pytest

from experiments.reliability import workers


def test_each_network_is_extracted_once(tmp_path):
  found = workers.race(tmp_path, 1, 0.0, most=3, parts=False)
  assert found.extracted == found.models == 3
  assert found.left == 0
  assert found.how == "the whole plan each"
  assert len(found.scores) == 3
  lines = workers.table([found, found], 0.0).splitlines()
  assert lines[2].startswith("| 1 | the whole plan each | 3 of 3 | ")
  assert lines[-1] == "Scores are the same, bit for bit; claims left: 0."


def test_the_deal_is_better_by_cost_than_by_count():
  total = sum(workers.seconds_of_networks(8.0).values())
  assert total == pytest.approx(8.0)
  assert workers.longest_part(8.0, 1) == pytest.approx(8.0)
  for count in (2, 4, 8):
    by_cost = workers.longest_part(8.0, count)
    assert 8.0 / count <= by_cost < workers.longest_part(8.0, count, by_count=True)
