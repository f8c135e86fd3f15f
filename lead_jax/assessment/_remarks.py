"""What the scores' own rows say: saturation, ties, no convergence, borrowed scales."""

import re
from collections.abc import Iterable

from lead_jax.metrics import OK
from lead_jax.results import NEEDS, ScoreRow

# Numbers differ from row to row, and so do the networks that one is tied with.
_NUMBER = re.compile(r"\d[\d.]*(?:e[-+]?\d+)?")
_TIED = re.compile(r"tied with .*")

# By remark, by metric, how many scores have it.
Remarks = dict[str, dict[str, int]]


def remarks(rows: Iterable[ScoreRow]) -> Remarks:
  """Counts what stands on rows beside their scores, most frequent first.

  Args:
    rows: Of all data sets. Scores that are missing for want of something that the metric
      needs are not counted.
  """
  found: Remarks = {}
  for row in rows:
    if row.status == OK or row.status.startswith(NEEDS):
      continue
    for part in row.status.split("; "):
      words = _NUMBER.sub("#", _TIED.sub("tied with others", part))
      metrics = found.setdefault(words, {})
      metrics[row.metric] = metrics.get(row.metric, 0) + 1
  return dict(sorted(found.items(), key=lambda item: -sum(item[1].values())))
