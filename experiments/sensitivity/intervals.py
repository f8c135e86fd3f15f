"""Whether intervals from halves of the images say what other images would have done.

A data set stands for all there is. Small ones drawn from it, without replacement within a
class, differ by chance; `certainty_of` guesses from one of them by how much.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.sensitivity.bench import Bench, Variant, ready_spec, rows_of
from lead_jax.backbones import ModelSpec, ReadyFeatures
from lead_jax.checks import InputError
from lead_jax.data import Dataset
from lead_jax.features import FeatureStore
from lead_jax.metrics import find_metric
from lead_jax.results import Certainty
from lead_jax.run import resample, score
from lead_jax.run.certainty import certainty_of, stratified_halves


class Check(NamedTuple):
  """How the intervals of one metric did.

  Attributes:
    score_ratio: By model, the guessed standard deviation of a score over the real one.
    gap_ratio: The same of differences to the model that is best on all images.
    promised: Mean P(best) of the first.
    kept: Share of small data sets whose first is first on all images.
    in_group: Share of small data sets whose first group has that model.
  """

  score_ratio: np.ndarray
  gap_ratio: np.ndarray
  promised: float
  kept: float
  in_group: float


def check(
  dataset: Dataset,
  models: Sequence[ModelSpec],
  metrics: Sequence[str],
  store: FeatureStore,
  *,
  images: int,
  samples: int,
  seed: int,
) -> str:
  """Returns a table, one line a metric.

  Args:
    dataset: All there is.
    models: At least two.
    metrics: Names.
    store: Of features and scores.
    images: In each small data set, up to rounding.
    samples: Small data sets.
    seed: Of their images.

  Raises:
    InputError: If there are not enough images or models.
  """
  if images > len(dataset) / 2:
    raise InputError(
      f"--images={images}: small data sets of more than half of the {len(dataset)} "
      "images would be too much alike"
    )
  if len(models) < 2:
    raise InputError("at least two models are needed")
  if pooled := [name for name in metrics if find_metric(name).pool is not None]:
    raise InputError(f"{pooled[0]} compares models with each other: name other metrics")
  lines = [
    f"{'':18}     sd of scores      sd of differences  P(first is best)   best is in",
    f"{'metric':18} guessed / real  guessed / real      said   was so    first group",
  ]
  for metric in metrics:
    bench = Bench(models, [metric], store, seed)
    one = _check(bench, dataset, images=images, samples=samples, seed=seed)
    lines.append(
      f"{metric:18} {_range(one.score_ratio):>16} {_range(one.gap_ratio):>17} "
      f"{one.promised:9.2f} {one.kept:8.2f} {one.in_group:12.2f}"
    )
  lines += [
    "",
    f"{len(models)} networks on {samples} data sets of {images} of the {len(dataset)} "
    f"images of {dataset.name}. Ratios: median over networks (lowest to highest); above 1, "
    "intervals",
    "are wider than they need be. Best: on all images, by the same metric.",
  ]
  return "\n".join(lines) + "\n"


def _range(ratios: np.ndarray) -> str:
  return f"{np.median(ratios):.2f} ({ratios.min():.2f}-{ratios.max():.2f})"


class _Small(NamedTuple):
  """A small data set: scores [M], deviations of its halves [R, M], what they say."""

  score_m: np.ndarray
  deviation_rm: np.ndarray
  certainty: Certainty


def _check(
  bench: Bench, dataset: Dataset, *, images: int, samples: int, seed: int
) -> Check:
  """Draws and scores the small data sets under the bench's one metric."""
  report, outputs = bench.whole(dataset)
  best = report.ranking()[0]
  place = [ready.name for ready in outputs].index(best)
  small = [
    _scored(bench, outputs, _drawn(dataset, images, seed, number), seed)
    for number in range(samples)
  ]
  # Without replacement from so few: an endless supply of images would differ more.
  rest = np.sqrt(1 - images / len(dataset))
  real_m, real_gap_m = _deviations(np.array([one.score_m for one in small]), place)
  guesses = np.array([_deviations(one.deviation_rm, place) for one in small])
  guess_m, guess_gap_m = np.sqrt(np.mean(np.square(guesses), axis=0))
  others = np.arange(len(outputs)) != place
  firsts = [one.certainty.models[0] for one in small]
  return Check(
    guess_m * rest / real_m,
    guess_gap_m[others] * rest / real_gap_m[others],
    float(np.mean([first.p_best for first in firsts])),
    float(np.mean([first.model == best for first in firsts])),
    float(np.mean([best in one.certainty.groups[0] for one in small])),
  )


def _deviations(score_sm: np.ndarray, place: int) -> tuple[np.ndarray, np.ndarray]:
  """Standard deviations of scores [M] and of their differences to one model's [M]."""
  gap_sm = score_sm - score_sm[:, [place]]
  return score_sm.std(axis=0, ddof=1), gap_sm.std(axis=0, ddof=1)


def _drawn(dataset: Dataset, images: int, seed: int, number: int) -> Variant:
  """A small data set with the classes' shares of the large one."""
  rng = np.random.default_rng([seed, number])
  edges = np.cumsum(np.bincount(dataset.labels)) * (images / len(dataset))
  sizes = np.diff(np.round(edges).astype(int), prepend=0)
  rows = np.concatenate(
    [
      rng.choice(np.flatnonzero(dataset.labels == k), size, replace=False)
      for k, size in enumerate(sizes)
    ]
  )
  return rows_of(dataset, np.sort(rows), f"data set {number}")


def _scored(
  bench: Bench, outputs: Sequence[ReadyFeatures], variant: Variant, seed: int
) -> _Small:
  """Does for a small data set what `lead-rank` does."""
  (name,) = bench.metrics
  metric = find_metric(name)
  data = variant.dataset
  halves = stratified_halves(data.labels, data.class_names, seed=seed)
  scorer = bench.scorer(data)
  scores, drawn = dict[str, float](), dict[str, Sequence[float]]()
  for ready in outputs:
    bench.lines.at(f"{name}, {variant.name}, {ready.name}")
    opened = scorer.open(ready_spec(ready.name, variant.alter(ready)))
    row = score(opened, metric, {})
    found = resample(opened, metric, {}, halves, metric.resamples)
    if not found.scores:
      reason = found.reason or row.status
      raise InputError(f"{name}, {variant.name}, {ready.name}: {reason}")
    scores[ready.name], drawn[ready.name] = row.score, found.scores
  drawn_rm = np.array(list(drawn.values())).T
  certainty = certainty_of(name, scores, drawn, halves)
  deviation_rm = (drawn_rm - drawn_rm.mean(axis=0)) * halves.scale
  return _Small(np.array(list(scores.values())), deviation_rm, certainty)
