"""PED's supplement, Fig. 3: ranking by a short fine-tuning, against its length.

Whoever fine-tunes every network for a few passes can rank them by the accuracy that they
have then. The paper sees such a ranking decline at first, while the new classifier layer is
being learnt, and improve after.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.figures import rankings
from experiments.figures.material import FineTuned, Material, MissingError
from lead_jax import evaluation
from lead_jax.assessment import interval, number, plotting, seconds
from lead_jax.checks import InputError
from lead_jax.data import Dataset
from lead_jax.evaluation import ScoreTable
from lead_jax.readers import read_csv

# What a short fine-tuning competes with.
METRICS = ("lead_held_out", "linear_probe", "knn", "logme", "lead")
TEST, TRAIN, METRIC = "test accuracy", "training accuracy", "metric"
# What a row of fine-tuning shows: tau, mean over seeds or of one; a network's accuracy.
MEAN, SINGLE, NETWORK = "mean", "single", "network"
_LOOKS = {
  TEST: (plotting.BLUE, "o", "by accuracy on the test images"),
  TRAIN: (plotting.ORANGE, "s", "by accuracy on the training images"),
}
# With fewer networks a ranking says nothing.
_LEAST = 4


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns weighted tau by data set and epoch (each seed, and mean), and of metrics.

  `gain` of the former is the change since the first epoch that gives a ranking.

  Raises:
    MissingError: If no data set has enough fine-tuned networks.
  """
  rows = []
  for dataset in material.datasets:
    runs = material.runs(dataset)
    runs = {
      model: found for model, found in runs.items() if _known(material, dataset, model)
    }
    if len(runs) >= _LEAST:
      rows += _of_training(material, dataset, runs)
      rows += _of_metrics(material, dataset, list(runs))
  if not rows:
    raise MissingError(
      f"needs {_LEAST} fine-tuned networks of known accuracy on one data set: run "
      "`lead-finetune` for more of them"
    )
  return rows


def _known(material: Material, dataset: Dataset, model: str) -> bool:
  return model in material.truth[dataset.name]


def _of_training(
  material: Material, dataset: Dataset, runs: Mapping[str, Sequence[FineTuned]]
) -> list[dict[str, Any]]:
  shared = set.intersection(*({run.seed for run in found} for found in runs.values()))
  if not shared:
    raise InputError(f"{dataset.name}: the fine-tuned networks have no seed in common")
  seeds = sorted(shared)
  of = {(m, run.seed): run for m, found in runs.items() for run in found}
  first = of[next(iter(runs)), seeds[0]]
  spent = _seconds(material, dataset, list(runs))
  rows = []
  for line in (TEST, TRAIN):
    # [epochs, seeds, networks]; seeds stand where data sets do, for the mean over them.
    scores = np.array(
      [[_accuracies(of[m, seed], line) for m in runs] for seed in seeds]
    ).transpose(2, 0, 1)
    names = [f"epoch {epoch}" for epoch in first.epochs]
    table = _table(
      material, dataset, list(runs), names, [str(s) for s in seeds], scores
    )
    taus = evaluation.measure_table(table).values
    about = {
      name: {
        "line": line,
        "epoch": int(epoch),
        "value": int(epoch) * first.steps_per_epoch,
        "seconds": spent * float(epoch / first.epochs[-1]),
        "networks": len(runs),
      }
      for name, epoch in zip(names, first.epochs, strict=True)
    }
    # Gains are to the first pass that gives a ranking.
    start = next(
      (n for n, tau in zip(names, taus, strict=True) if tau[0] == tau[0]), None
    )
    whole = rankings.ranking_rows(
      [table], about, reference=start or names[-1], seed=material.seed
    )
    keep = rankings.MEAN if len(seeds) > 1 else str(seeds[0])
    all_seeds = {"shown": MEAN, "finetuning_seeds": " ".join(map(str, seeds))}
    rows += [
      {**row, "dataset": dataset.name, **all_seeds}
      for row in whole
      if row["dataset"] == keep
    ]
    rows += [
      {
        "dataset": dataset.name,
        "method": name,
        **about[name],
        "tau": taus[r, s],
        "shown": SINGLE,
        "finetuning_seeds": str(seed),
      }
      for s, seed in enumerate(seeds)
      for r, name in enumerate(names)
    ]
    rows += [
      {
        "dataset": dataset.name,
        "line": line,
        "epoch": int(epoch),
        "model": model,
        "accuracy": scores[r, s, m],
        "shown": NETWORK,
        "finetuning_seeds": str(seed),
      }
      for m, model in enumerate(runs)
      for s, seed in enumerate(seeds)
      for r, epoch in enumerate(first.epochs)
    ]
  return rows


def _accuracies(run: FineTuned, line: str) -> np.ndarray:
  """Returns [epochs] accuracies of a run."""
  if line == TEST:
    logits, labels = run.test_logits, run.test_labels
  else:
    logits, labels = run.train_logits, run.train_labels
  # Equal logits, those of a head that starts at 0, know nothing.
  blind = (logits == logits[..., :1]).all(axis=(1, 2))
  return np.where(blind, np.nan, (logits.argmax(-1) == labels).mean(axis=1))


def _table(
  material: Material,
  dataset: Dataset,
  models: list[str],
  methods: list[str],
  columns: list[str],
  scores: np.ndarray,
) -> ScoreTable:
  truth = [material.truth[dataset.name][model] for model in models]
  return ScoreTable(methods, columns, models, scores, np.array([truth] * len(columns)))


def _seconds(material: Material, dataset: Dataset, models: Sequence[str]) -> float:
  """Median seconds of a network's whole run, one seed; NaN where it is not known."""
  assert material.finetuned is not None
  try:
    found = [
      float(row["seconds"])
      for row in read_csv(material.finetuned / "runs.csv").rows
      if (row["dataset"], row["phase"]) == (dataset.name, "final")
      and row["model"] in models
      and row["seconds"]
    ]
  except (KeyError, ValueError):
    found = []  # seconds are an extra
  return statistics.median(found) if found else math.nan


def _of_metrics(
  material: Material, dataset: Dataset, models: list[str]
) -> list[dict[str, Any]]:
  """The same networks ranked by metrics, and what that takes from given features."""
  found = material.scores(dataset, [(metric, {}) for metric in METRICS])
  scores = np.array(
    [[[found[m][i].score for m in models]] for i in range(len(METRICS))]
  )
  table = _table(material, dataset, models, list(METRICS), [dataset.name], scores)
  about = {
    metric: {
      "line": METRIC,
      "seconds": statistics.median(found[m][i].seconds for m in models),
      "networks": len(models),
    }
    for i, metric in enumerate(METRICS)
  }
  return rankings.ranking_rows([table], about, reference=METRICS[0], seed=material.seed)


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws tau against steps, a panel a data set, and the metrics beside."""
  names = rankings.datasets_of(rows)
  picture = plotting.new_figure(3.0)
  panels = picture.subplots(1, len(names), sharey=True, squeeze=False)[0]
  for axes, name in zip(panels, names, strict=True):
    here = [row for row in rows if row["dataset"] == name]
    _draw(axes, here)
    count = int(here[0]["networks"])
    if len(names) > 1:
      axes.set_title(f"{name}, {count} networks")
  panels[0].set_ylabel("weighted Kendall tau with the truth")
  plotting.legend_under(picture, panels[0], columns=2)
  plotting.title(picture, _title(rows, names[0]))
  blind = any(row["shown"] == SINGLE and row["tau"] != row["tau"] for row in rows)
  several = any(" " in row["finetuning_seeds"] for row in rows)
  picture.caption = (
    "Truth: the accuracy in the ground truth, of runs other than these."
    + (" Thick: mean over seeds; thin: single seeds." if several else "")
    + " Bands: 95 % of the bootstrap over networks. Ranking by test accuracy is generous to"
    " fine-tuning: the truth is measured on the same images. Dashed: metrics over the same"
    " networks, with the median seconds they take for one, features given (compilation"
    " included). Seconds are of machines that did other work, too. Between two points"
    " nothing was saved: what a pass does inside cannot be seen."
    + (" Before the first step all logits are equal: no ranking." if blind else "")
  )
  return picture


def _draw(axes: Any, rows: list[dict[str, Any]]) -> None:
  lowest = 0.0
  for line, (colour, marker, label) in _LOOKS.items():
    means = [r for r in rows if (r["line"], r["shown"]) == (line, MEAN)]
    single = [r for r in rows if (r["line"], r["shown"]) == (line, SINGLE)]
    seeds = dict.fromkeys(r["finetuning_seeds"] for r in single)
    for seed in seeds if len(seeds) > 1 else ():
      own = [r for r in single if r["finetuning_seeds"] == seed]
      axes.plot(
        _column(own, "value"), _column(own, "tau"), color=colour, lw=0.4, alpha=0.7
      )
    steps = _column(means, "value")
    axes.fill_between(
      steps,
      _column(means, "low"),
      _column(means, "high"),
      color=colour,
      alpha=0.1,
      lw=0,
    )
    axes.plot(
      steps,
      _column(means, "tau"),
      color=colour,
      marker=marker,
      ms=4,
      lw=1.8,
      label=label,
    )
    lowest = min(lowest, *(r["low"] for r in means if r["low"] == r["low"]))
  last = max(_column([r for r in rows if r["shown"] == MEAN], "value"))
  axes.set_xlim(-0.02 * last, 1.03 * last)
  axes.set_ylim(max(-1.0, lowest - 0.05), 1.02)
  axes.set_xlabel("steps of fine-tuning")
  _metric_lines(axes, [r for r in rows if r["line"] == METRIC])
  _seconds_above(axes, [r for r in rows if (r["line"], r["shown"]) == (TEST, MEAN)])


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
  return [row[name] for row in rows]


def _metric_lines(axes: Any, rows: list[dict[str, Any]]) -> None:
  """Dashed lines with their names on the right, which make room for each other."""
  low, high = axes.get_ylim()
  step = 0.052 * (high - low)
  place = math.inf
  for row in sorted(rows, key=lambda row: -row["tau"]):
    look = {"color": plotting.VERMILION if "lead" in row["method"] else plotting.GREY}
    axes.axhline(row["tau"], ls="--", lw=0.7, **look)
    place = min(row["tau"], place - step)
    text = f"{row['method']} {number(row['tau'], '', 2)}, {seconds(row['seconds'])} s"
    axes.annotate(
      text,
      (1.01, place),
      xycoords=axes.get_yaxis_transform(),
      va="center",
      fontsize=6.5,
      annotation_clip=False,
      **look,
    )


def _seconds_above(axes: Any, rows: list[dict[str, Any]]) -> None:
  """A second axis: the seconds that a network took to get there."""
  if any(row["seconds"] != row["seconds"] for row in rows):
    return
  above = axes.secondary_xaxis("top")
  above.set_xticks(_column(rows, "value"), [seconds(row["seconds"]) for row in rows])
  above.set_xlabel("seconds for one network (median), one seed", fontsize=7)
  above.tick_params(labelsize=6.5)


def _title(rows: list[dict[str, Any]], name: str) -> str:
  line = [
    row
    for row in rows
    if (row["dataset"], row["line"], row["shown"]) == (name, TEST, MEAN)
    and row["tau"] == row["tau"]
  ]
  first, last = line[0], line[-1]
  lowest = min(line, key=lambda row: row["tau"])
  text = lambda value: number(value, "", 2)
  if lowest is first:
    course = (
      f"goes from tau {text(first['tau'])} to {text(last['tau'])} with no decline"
    )
  else:
    paired = interval(lowest["gain_low"], lowest["gain_high"]).replace("-", "\u2212")
    change = number(lowest["gain"], "", 2).replace("-", "\u2212")
    course = (
      f"starts at tau {text(first['tau'])}, moves by {change} (paired 95\u00a0%: {paired})"
      f" until epoch {lowest['epoch']:.0f} and ends at {text(last['tau'])}"
    )
  held = next(
    row for row in rows if (row["dataset"], row["method"]) == (name, METRICS[0])
  )
  reach = [row for row in line if row["tau"] >= held["tau"]]
  steps = (
    f"after {reach[0]['value']:.0f} steps a network" if reach else "never in these runs"
  )
  return (
    f"Ranking by a short fine-tuning {course}; it reaches {METRICS[0]}"
    f" ({text(held['tau'])}) {steps}"
  )
