"""LEAD's Table 3: the same zoos from few samples a class."""

import itertools
import math
import pathlib
from collections import Counter
from collections.abc import Callable, Iterable

from experiments.reproduction.compare import Row, methods_of
from experiments.reproduction.measure import Ready, truth_of
from experiments.reproduction.tables import Table
from experiments.sensitivity import low_data
from experiments.sensitivity.bench import Bench
from lead_jax import literature
from lead_jax.checks import InputError
from lead_jax.data import PAPER_DATASETS, Dataset
from lead_jax.features import FeatureStore

# The paper's names of groups of data sets -> those of `low_data`.
_GROUPS = {"100+ classes": "100+", "10-99 classes": "10-99", "mean": low_data.AVERAGE}


def rows_of(
  table: Table,
  ready: Ready,
  datasets: Callable[[], Iterable[Dataset]],
  *,
  draws: int,
  seed: int,
  cache_dir: pathlib.Path,
) -> list[Row]:
  """Scores draws of few samples of every data set, one zoo after the other.

  Args:
    table: The third.
    ready: What could be had.
    datasets: Begins to read them, once for each zoo.
    draws: Of each size.
    seed: Of all draws.
    cache_dir: Of features and scores.
  """
  theirs = {
    (c.zoo, c.method, c.samples_per_class, c.dataset): c.value
    for c in literature.published_results(table.number)
  } | {
    (a.zoo, a.method, a.samples_per_class, "mean"): a.printed
    for a in literature.published_averages(table.number)
  }
  truth = truth_of(ready.cards)
  rows = []
  for zoo in table.zoos:
    cards = [card for card in ready.cards if card.zoo == zoo]
    names = {card.name for card in cards}
    if len(names) < 2:
      continue
    bench = Bench(
      [spec for spec in ready.specs if spec.name in names],
      table.metrics,
      FeatureStore(cache_dir / "features"),
      seed,
    )
    found = low_data.measure(
      bench, datasets(), truth, per_class=table.per_class, draws=draws
    )
    if not found.classes:
      raise InputError(next(iter(ready.missing.values())))
    # Groups by what the papers' data sets have, whatever stands for them here.
    classes = {name: PAPER_DATASETS[name].classes for name in found.classes}
    cells = low_data.tabulate(found._replace(classes=classes)).cells
    here = Counter(low_data.group_of(count) for count in classes.values())
    here[low_data.AVERAGE] = len(classes)
    places = itertools.product(
      table.per_class, methods_of(table).items(), _GROUPS.items()
    )
    for size, (method, metric), (name, group) in places:
      cell = cells[metric][size].get(group)
      if cell is None:
        ours, reason = None, "no such data set"
      else:
        ours = None if math.isnan(cell.tau) else cell.tau
        reason = cell.reason if ours is None else ""
      rows.append(
        Row(
          table.number,
          zoo,
          method,
          metric,
          name,
          size,
          table.measures[0],
          ours,
          theirs.get((zoo, method, size, name)),
          len(names),
          here[group],
          literature.DATASETS_IN.get(name, len(table.datasets)),
          reason,
        )
      )
  return rows
