"""The tables that a reader sees, and what to know of them."""

import textwrap

import numpy as np

from lead_jax.assessment import _verdict as verdict
from lead_jax.assessment._collect import Collected
from lead_jax.assessment._leaving_out import Stability, Without, worst
from lead_jax.assessment._method_summary import Row, Summary
from lead_jax.assessment._numbers import (
  interval,
  lines,
  number,
  places,
  seconds,
  share,
)

WIDTH = 140
_MARKS = {"metric": "", "static": " *", "chance": " °"}
# How many methods the second table shows beside the LEAD family.
_FIRST = 10
_KINDS = {
  "model": "a model",
  "architecture": "an architecture",
  "pretraining": "a pre-training",
  "family": "a family",
  "dataset": "a data set",
}
# With fewer data sets than this, resampling them says little.
_FEW = 6


def as_text(summary: Summary, collected: Collected, stable: Stability) -> str:
  """Returns both tables, the notes and the conclusion."""
  text = _main_table(summary, collected)
  text += ["", *_filled(_legend(summary, collected))]
  text += ["", *_stability_table(summary, stable)]
  text += ["", *_filled(_costs(collected))]
  if collected.remarks:
    text += [
      "",
      "What the rows of the scores say, and of how many (report.json has each):",
    ]
    text += _filled(_remarks(collected))
  notes = [*collected.notes]
  notes += [
    f"{row.method}: no mean: {row.reason}{_why(collected, row)}"
    for row in summary.rows
    if row.reason
  ]
  if notes:
    text += ["", *_filled(notes)]
  text += ["", *_filled(verdict.verdict(summary))]
  return "\n".join(text) + "\n"


def _remarks(collected: Collected) -> list[str]:
  return [
    f"- {words}: {', '.join(f'{metric} {n}' for metric, n in metrics.items())}"
    for words, metrics in collected.remarks.items()
  ]


def _why(collected: Collected, row: Row) -> str:
  why = collected.unscored.get(row.method, "")
  return f" ({why})" if why else ""


def _filled(paragraphs: list[str]) -> list[str]:
  return [
    line
    for one in paragraphs
    for line in textwrap.wrap(
      one, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
  ]


def _main_table(summary: Summary, collected: Collected) -> list[str]:
  datasets = list(collected.table.datasets)
  head = ["#", "method", "tau", "95 % models", "95 % + data", "place", "best"]
  head += ["- baseline", "p", "regret", "seconds"]
  table = [head]
  for row in summary.rows:
    tau, gap = row.measures["tau_w"], row.difference
    table.append(
      [
        "" if row.place is None else str(row.place),
        _name(row),
        number(tau.mean),
        interval(tau.low, tau.high),
        interval(tau.wide_low, tau.wide_high),
        places(row.standing.low, row.standing.high),
        share(row.standing.best),
        interval(gap.low, gap.high),
        "–" if np.isnan(row.p_holm) else number(row.p_holm),
        _points(row.measures["regret_1"].mean),
        "" if row.cost is None else seconds(row.cost.total),
      ]
    )
  whole = [[*row] for row in table]
  whole[0] += datasets
  for row, shown in zip(summary.rows, whole[1:], strict=True):
    values = row.by_dataset.values()
    shown += ["" if row.kind == "chance" else number(value) for value in values]
  found = lines(whole, {1})
  # Many data sets do not fit: the worst of them, then; all are in the other files.
  if max(map(len, found)) > WIDTH:
    table[0].append("least")
    for row, shown in zip(summary.rows, table[1:], strict=True):
      least = min(row.by_dataset.values())
      shown.append("" if row.kind == "chance" else number(least))
    found = lines(table, {1})
  return found


def _name(row: Row) -> str:
  failed = f" ({row.failures})" if row.failures else ""
  return f"{row.method}{_MARKS[row.kind]}{failed}"


def _points(value: float) -> str:
  return "–" if np.isnan(value) else f"{value:.1f}"


def _legend(summary: Summary, collected: Collected) -> list[str]:
  table = collected.table
  present = table.present.sum(axis=1)
  counts = ", ".join(f"{d} {n}" for d, n in zip(table.datasets, present, strict=True))
  number_of = len(table.datasets)
  text = [
    f"Models with a true accuracy: {counts}. tau: weighted Kendall tau (SciPy's), mean over"
    " data sets. *: never looks at the data. °: chance. (9): number of models without a"
    " score, over all data sets; they rank last.",
    f"95 %: interval by a paired bootstrap over models ({summary.samples} resamples);"
    " + data: over models and data sets. place: 95 % interval of the place among the"
    " methods; best: how often it is first; both over models. - baseline: 95 % interval of"
    f" the difference to {summary.baseline}, over models. p: from permutations of models,"
    " Holm-corrected."
    " regret: accuracy points lost by taking the first model. seconds: scoring time of all"
    " models and data sets.",
  ]
  if number_of == 1:
    text.append(
      "With one data set, the interval + data says no more than the one over models."
    )
  elif number_of < _FEW:
    text.append(
      f"{number_of} data sets are few: resampling them is coarse. Read the interval + data"
      " as a warning, not as a measurement; for other kinds of data it may be too narrow."
    )
  chance = summary.row("random").measures["tau_w"]
  line = (
    f"Chance: 95 % of random rankings have tau {interval(chance.low, chance.high)}."
  )
  if summary.ceiling is not None:
    mean, low, high = summary.ceiling
    line += f" Ceiling: the true ranking itself would reach {number(mean)}"
    line += (
      f" ({interval(low, high)}), given the noise of the ground truth. This is too low"
    )
    line += " if all models were tested on the same images."
  else:
    line += " No ceiling: the noise of the ground truth was not given."
  text.append(line)
  if partly := [row for row in summary.ranked if row.failures]:
    taus = ", ".join(f"{row.method} {number(row.scored)}" for row in partly)
    text.append(
      f"Over only the models that they scored (not comparable with the others): {taus}."
    )
  for source in dict.fromkeys(summary.noise.values()):
    names = [name for name, one in summary.noise.items() if one == source]
    text.append(f"Noise of {', '.join(names)}: {source}.")
  if summary.ties:
    ties = ", ".join(
      f"{name} {one.close} of {one.pairs} pairs ({one.groups} groups; deviation"
      f" {one.deviation:.1f})"
      for name, one in summary.ties.items()
    )
    text.append(f"Practical ties (accuracies closer than their noise): {ties}.")
  return text


def _stability_table(summary: Summary, stable: Stability) -> list[str]:
  shown = [
    row
    for row in summary.ranked
    if (row.place or 0) <= _FIRST or row.method.startswith("lead")
  ]
  datasets = stable.get("dataset", [])
  text = _stable_lines(stable, shown, datasets)
  note = "place: from the best to the worst, over everything that is left out in turn."
  if max(map(len, text)) > WIDTH:
    # Many data sets do not fit: the one that matters most, then.
    text = _stable_lines(stable, shown, [])
  elif datasets:
    note += " - a data set: mean tau (place) without it."
  return text + _filled([note])


def _stable_lines(
  stable: Stability, shown: list[Row], datasets: list[Without]
) -> list[str]:
  kinds = [kind for kind in _KINDS if kind in stable]
  if datasets:
    kinds = [kind for kind in kinds if kind != "dataset"]
  head = ["#", "least tau without"]
  for kind in kinds:
    head += [_KINDS[kind], "place"]
  head += [f"- {one.left}" for one in datasets]
  table = [head]
  for row in shown:
    line = [str(row.place), row.method]
    for kind in kinds:
      found = worst(stable[kind], row.method)
      line += [
        f"{number(found.mean)} {_cut(found.left)}",
        places(found.place_low, found.place_high),
      ]
    for one in datasets:
      place = one.places[row.method]
      where = "" if np.isnan(place) else f" ({place:.0f})"
      line.append(f"{number(one.means[row.method])}{where}")
    table.append(line)
  return lines(table, {1, *range(2, 2 + 2 * len(kinds), 2)})


def _cut(name: str, width: int = 14) -> str:
  return name if len(name) <= width else name[: width - 1] + "…"


def _costs(collected: Collected) -> list[str]:
  found = collected.costs
  lines_ = []
  if found.extract_seconds is not None:
    lines_.append(
      f"Extraction, once for all metrics, took {seconds(found.extract_seconds)} s"
      f" for {found.pairs} pairs of model and data set. Add it to the seconds of a metric."
    )
  else:
    lines_.append(
      f"Extraction, once for all metrics, was measured for {found.extracted} of"
      f" {found.pairs} pairs of model and data set; the other features were stored."
    )
  if found.models:
    spent = {name: one.total for name, one in found.models.items()}
    slowest = max(spent, key=lambda name: spent[name])
    whole, middle = sum(spent.values()), float(np.median(list(spent.values())))
    lines_.append(
      f"Scoring with all metrics took {seconds(whole)} s; per model, on all data sets:"
      f" median {seconds(middle)} s, at most {seconds(spent[slowest])} s ({slowest})."
      " Seconds were measured when the score was computed, in this run or an earlier one,"
      " and include compilation; what metrics share counts for the first of them."
    )
  if found.peak_mib:
    peaks = ", ".join(f"{stage} {mib:.0f}" for stage, mib in found.peak_mib.items())
    lines_.append(
      f"Peak resident memory of the process in MiB, by stage (JAX included): {peaks}."
    )
  return lines_
