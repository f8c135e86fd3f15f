"""Whether the scores of some models rank them at all, and how well."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lead_jax.evaluation import weighted_kendall
from lead_jax.results import NEEDS, Report


class Ranking(NamedTuple):
  """One metric's scores of the models of known accuracy.

  Attributes:
    scores: By model; minus infinity for one that never could have a score (a network
      without a classifier, under a metric that needs one): it ranks last.
    reason: Why this is no valid ranking; empty where it is one.
  """

  scores: dict[str, float]
  reason: str

  @property
  def tied(self) -> float:
    """The share of all pairs of models that have one score."""
    values = [score for score in self.scores.values() if not math.isnan(score)]
    pairs = math.comb(len(values), 2)
    return sum(math.comb(n, 2) for n in Counter(values).values()) / max(pairs, 1)


def ranking_of(report: Report, metric: str, truth: Mapping[str, float]) -> Ranking:
  """Takes one metric's scores from a report.

  A ranking is valid where no model failed and not all have one score.

  Args:
    report: With pool-relative scores in place.
    metric: A name of the report.
    truth: By model; other models are left out.
  """
  rows = [r for r in report.scores if r.metric == metric and r.model in truth]
  scores = {}
  failed = []
  for row in rows:
    scores[row.model] = row.score
    if not math.isnan(row.score):
      continue
    if row.status.startswith(NEEDS):
      scores[row.model] = -math.inf
    else:
      failed.append(row)
  if failed:
    first = f"{failed[0].model}: {failed[0].status}"
    return Ranking(scores, f"{len(failed)} of {len(rows)} models have none: {first}")
  ranking = Ranking(scores, "")
  if ranking.tied < 1:
    return ranking
  if math.isnan(rows[0].score):
    return Ranking(scores, rows[0].status)
  return Ranking(scores, f"all {len(rows)} models have the score {rows[0].score:.6g}")


def agreement(ranking: Ranking, truth: Mapping[str, float]) -> float:
  """Returns the weighted Kendall tau with the truth; NaN for what is no valid ranking."""
  if ranking.reason:
    return math.nan
  models = list(ranking.scores)
  return weighted_kendall(
    [ranking.scores[m] for m in models], [truth[m] for m in models], names=models
  )


def random_agreement(
  truth: Mapping[str, float], rng: np.random.Generator, *, samples: int = 1000
) -> tuple[float, float]:
  """Returns mean and standard deviation of the tau of random rankings."""
  values = np.asarray(list(truth.values()))
  taus = [
    weighted_kendall(rng.permutation(len(values)), values) for _ in range(samples)
  ]
  return float(np.mean(taus)), float(np.std(taus, ddof=1))
