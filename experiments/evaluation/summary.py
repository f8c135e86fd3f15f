"""What the scores of several data sets say of the methods, and with what confidence."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.evaluation.collect import Collected
from lead_jax import evaluation
from lead_jax.evaluation import ScoreTable


class Row(NamedTuple):
  """One method.

  Attributes:
    place: 1 for the largest mean; None without one.
    method: Name.
    looks: Whether it looks at the target's data at all.
    tau: Mean over data sets of the weighted Kendall tau; NaN with a `reason`.
    low: Lower end of its 95 % interval, for other models like these.
    high: Upper end.
    difference: To the baseline.
    difference_low: Of the paired interval.
    difference_high: Of the paired interval.
    p: Permutation p-value of the mean.
    p_holm: Corrected for the number of methods.
    tau_b: Mean Kendall's tau-b.
    regret: Mean accuracy points lost by taking the first.
    worst_without_a_model: Smallest mean with one model left out.
    failures: Models, over all data sets, that it gave no score; they rank last.
    seconds: Of the scoring; None for rankings that take none.
    by_dataset: Weighted Kendall tau on each.
    reason: Why there is no mean.
  """

  place: int | None
  method: str
  looks: bool
  tau: float
  low: float
  high: float
  difference: float
  difference_low: float
  difference_high: float
  p: float
  p_holm: float
  tau_b: float
  regret: float
  worst_without_a_model: float
  failures: int
  seconds: float | None
  by_dataset: dict[str, float]
  reason: str


class Summary(NamedTuple):
  """All methods, the best first, and what chance alone does.

  Attributes:
    rows: See `Row`.
    baseline: The method that differences are to.
    chance: 2.5 %, 50 % and 97.5 % quantiles of the mean of random rankings.
    ceiling: Mean over data sets that the *true* ranking would reach, given the noise of
      the ground truth; None where that noise is not known.
    samples: Resamples and permutations.
    seed: Of both.
  """

  rows: list[Row]
  baseline: str
  chance: tuple[float, float, float]
  ceiling: float | None
  samples: int
  seed: int


def summarise(
  collected: Collected,
  *,
  baseline: str,
  noise: float | None = None,
  samples: int = 2000,
  seed: int = 0,
) -> Summary:
  """Computes means, intervals, tests and stability of every method.

  Args:
    collected: Scores and accuracies.
    baseline: A method of the table.
    noise: Standard deviation of the true accuracies, in points; None if unknown.
    samples: Resamples of the bootstrap, and random permutations.
    seed: Of both.
  """
  table = collected.table
  rng = lambda stream: np.random.default_rng([seed, stream])
  tau = evaluation.measure_table(table)
  tau_b = evaluation.measure_table(table, measure="kendall")
  regret = evaluation.measure_table(table, measure="regret_at_1")
  boot = evaluation.bootstrap_intervals(
    table, baseline=baseline, samples=samples, rng=rng(0)
  )
  p = evaluation.permutation_test(table, samples=samples, rng=rng(1)).p_means
  p_holm = evaluation.holm(p)
  without = evaluation.leave_one_model(table)
  worst = np.min(np.stack([found.means for found in without.values()]), axis=0)
  chance = evaluation.null_spread(
    table.truth, probabilities=(0.025, 0.5, 0.975), rng=rng(2)
  )
  ceiling = None
  if noise is not None:
    ceiling = float(evaluation.noise_ceiling(table.truth, noise, rng=rng(3)).mean)
  ranked = [
    r for r in np.argsort(-tau.means, kind="stable") if np.isfinite(tau.means[r])
  ]
  rest = [r for r in range(len(table.methods)) if r not in ranked]
  rows = []
  for place, r in enumerate([*ranked, *rest], start=1):
    method = table.methods[r]
    rows.append(
      Row(
        place if r in ranked else None,
        method,
        method in collected.metrics,
        float(tau.means[r]),
        float(boot.intervals[r, 0]),
        float(boot.intervals[r, 1]),
        float(boot.differences[r]),
        float(boot.difference_intervals[r, 0]),
        float(boot.difference_intervals[r, 1]),
        float(p[r]),
        float(p_holm[r]),
        float(tau_b.means[r]),
        float(regret.means[r]),
        float(worst[r]),
        int(tau.failures[r].sum()),
        collected.score_seconds.get(method),
        dict(zip(table.datasets, map(float, tau.values[r]), strict=True)),
        _reason(table, tau.reasons, method),
      )
    )
  low, middle, high = map(float, chance)
  return Summary(rows, baseline, (low, middle, high), ceiling, samples, seed)


def _reason(table: ScoreTable, reasons: dict, method: str) -> str:
  found = [(d, reasons[method, d]) for d in table.datasets if (method, d) in reasons]
  return "; ".join(f"{dataset}: {why}" for dataset, why in found)


def as_csv(summary: Summary) -> str:
  """Returns one line a method."""
  datasets = list(summary.rows[0].by_dataset)
  plain = [name for name in Row._fields if name not in ("by_dataset", "reason")]
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow([*plain, *(f"tau:{name}" for name in datasets), "reason"])
  for row in summary.rows:
    values = [getattr(row, name) for name in plain]
    writer.writerow([*values, *row.by_dataset.values(), row.reason])
  return text.getvalue()


def as_json(summary: Summary, collected: Collected) -> dict[str, Any]:
  """Returns everything, with None in place of what is no number."""
  return _finite(
    {
      **summary._asdict(),
      "rows": [row._asdict() for row in summary.rows],
      "datasets": list(collected.table.datasets),
      "models": list(collected.table.models),
      "truth": np.asarray(collected.table.truth).tolist(),
      "extract_seconds": collected.extract_seconds,
      "peak_mib": collected.peak_mib,
    }
  )


def _finite(value: Any) -> Any:
  if isinstance(value, dict):
    return {key: _finite(one) for key, one in value.items()}
  if isinstance(value, list | tuple):
    return [_finite(one) for one in value]
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value


def as_text(summary: Summary, collected: Collected) -> str:
  """Returns the table and what to know of it."""
  datasets: Sequence[str] = list(collected.table.datasets)
  head = ["#", "method", "tau", "95 %", f"- {summary.baseline}", "95 %", "p (Holm)"]
  head += ["tau-b", "regret", "least", "failed", "seconds", *datasets]
  lines = [head]
  for row in summary.rows:
    lines.append(
      [
        "–" if row.place is None else str(row.place),
        row.method if row.looks else f"{row.method} *",
        _number(row.tau),
        _interval(row.low, row.high),
        _number(row.difference, "+"),
        _interval(row.difference_low, row.difference_high, "+"),
        "–" if math.isnan(row.p_holm) else f"{row.p_holm:.3f}",
        _number(row.tau_b),
        "–" if math.isnan(row.regret) else f"{row.regret:.1f}",
        _number(row.worst_without_a_model),
        str(row.failures) if row.failures else "",
        "" if row.seconds is None else f"{row.seconds:.0f}",
        *map(_number, row.by_dataset.values()),
      ]
    )
  widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
  text = [
    "  ".join(
      cell.ljust(width) if i == 1 else cell.rjust(width)
      for i, (cell, width) in enumerate(zip(line, widths, strict=True))
    ).rstrip()
    for line in lines
  ]
  low, _, high = summary.chance
  present = collected.table.present.sum(axis=1)
  counts = ", ".join(f"{d} {n}" for d, n in zip(datasets, present, strict=True))
  text += [
    "",
    "tau: weighted Kendall (SciPy's), mean over data sets; least: with one model left out;"
    " regret: accuracy points lost by taking the first, mean; * never looks at the data.",
    f"95 %: bootstrap over models, the same for all methods ({summary.samples} resamples);"
    f" p: permutations of models. A model without a score ranks last. Models: {counts}.",
    f"Random rankings: tau from {low:.3f} to {high:.3f} in 95 % of cases.",
  ]
  if summary.ceiling is not None:
    text.append(
      f"The true ranking itself would reach {summary.ceiling:.3f}, given the noise of the"
      " ground truth."
    )
  text += [f"{row.method}: no mean: {row.reason}" for row in summary.rows if row.reason]
  return "\n".join(text) + "\n"


def _number(value: float, sign: str = "") -> str:
  return "–" if math.isnan(value) else f"{value:{sign}.3f}"


def _interval(low: float, high: float, sign: str = "") -> str:
  if math.isnan(low):
    return "–"
  return f"{low:{sign}.2f} … {high:{sign}.2f}"
