"""The papers' tables as aligned text, with the averages of their cells."""

import math
from collections.abc import Sequence

from lead_jax import literature
from lead_jax.evaluation import (
  mean_rank_elsewhere,
  relative_accuracy_at_k,
  weighted_kendall,
)

TITLES = {
  "1": "LEAD, Table 1: weighted Kendall tau on 12 supervised networks",
  "2": "LEAD, Table 2: weighted Kendall tau on 12 self-supervised networks",
  "3": "LEAD, Table 3: weighted Kendall tau of few samples a class (N/K)",
  "4": "LEAD, Table 4: average running time on CIFAR10, in seconds",
  "5": "LEAD, Table 5: other measures on the self-supervised networks",
  "6": "LEAD, Table 6: accuracy after fine-tuning (%), supervised networks",
  "7": "LEAD, Table 7: accuracy after fine-tuning (%), self-supervised networks",
  "ped1": "PED, supplement, Table 1: weighted Kendall tau, the best of six k for +PED",
  "ped2": "PED, supplement, Table 2: accuracy after fine-tuning (%), self-supervised",
}


def _mean(values: Sequence[float]) -> float:
  return sum(values) / len(values)


def _number(value: float | None, digits: int) -> str:
  if value is None or math.isnan(value):
    return "–"
  # Halves are rounded up, as people do: 0.6475 is 0.648.
  return f"{value + math.copysign(1e-9, value):.{digits}f}"


def _grid(
  columns: Sequence[str],
  rows: Sequence[tuple[str, Sequence[float | None]]],
  *,
  digits: int,
) -> str:
  """Returns aligned lines: a name, then a number for each column."""
  first = max(12, *(len(name) for name, _ in rows))
  widths = [max(len(column), digits + 3) + 2 for column in columns]
  cells = [["", *columns]]
  cells += [[name, *(_number(v, digits) for v in values)] for name, values in rows]
  return "\n".join(
    row[0].ljust(first)
    + "".join(cell.rjust(w) for cell, w in zip(row[1:], widths, strict=True))
    for row in cells
  )


def static_ranker(table: str, version: str) -> dict[str, float]:
  """Weighted tau, by data set, of the mean rank on the other data sets of a truth."""
  truth = literature.published_ground_truth(table, version=version)
  found = {}
  for dataset, column in truth.items():
    scores = mean_rank_elsewhere(truth, dataset)
    found[dataset] = weighted_kendall([scores[m] for m in column], [*column.values()])
  return found


def _averages(table: str) -> list[str]:
  lines = []
  for average in literature.published_averages(table):
    if average.samples_per_class is None or not average.agrees:
      samples = average.samples_per_class
      setting = f" ({average.zoo}, N/K = {samples})" if samples else ""
      differs = "" if average.agrees else f"; the cells give {average.of_cells:.4g}"
      lines.append(
        f"{average.source} prints {average.printed:g} as the average of "
        f"{average.method}{setting}{differs}"
      )
  return lines


def _by_dataset(table: str, version: str) -> str:
  cells = literature.published_results(table)
  datasets = list(dict.fromkeys(cell.dataset for cell in cells))
  rows = []
  for method in dict.fromkeys(cell.method for cell in cells):
    mine = [cell for cell in cells if cell.method == method]
    values = {cell.dataset: cell.value for cell in mine}
    mean = literature.mean_of_cells(mine)
    rows.append((method, [*(values[d] for d in datasets), mean]))
  truth = literature.GROUND_TRUTH_OF[table]
  static = static_ranker(truth, version)
  ours = [*(static[d] for d in datasets), _mean(list(static.values()))]
  columns = [*datasets, "mean"]
  lines = [_grid(columns, rows, digits=3), *_averages(table), ""]
  lines.append(
    "Not published, and blind to the target: the mean rank on the other data sets of "
    f"table {truth} ({version})"
  )
  return "\n".join([*lines, _grid(columns, [("static", ours)], digits=3)])


def _few_samples(table: str) -> str:
  cells = literature.published_results(table)
  samples = list(dict.fromkeys(cell.samples_per_class for cell in cells))
  columns: list[str] = []
  for n in samples:
    columns += [f"{n}: {group}" for group in ("100+", "10-99", "mean")]
  rows = []
  for zoo, method in dict.fromkeys((cell.zoo, cell.method) for cell in cells):
    values: list[float | None] = []
    for n in samples:
      mine = [
        cell
        for cell in cells
        if (cell.zoo, cell.method, cell.samples_per_class) == (zoo, method, n)
      ]
      values += [*(cell.value for cell in mine), literature.mean_of_cells(mine)]
    rows.append((f"{method}, {zoo}", values))
  return "\n".join([_grid(columns, rows, digits=2), *_averages(table)])


def _by_measure(table: str) -> str:
  cells = literature.published_results(table)
  measures = list(dict.fromkeys(cell.measure for cell in cells))
  rows = []
  for dataset in [*dict.fromkeys(cell.dataset for cell in cells), "mean"]:
    for method in dict.fromkeys(cell.method for cell in cells):
      values = []
      for measure in measures:
        mine = [c for c in cells if (c.method, c.measure) == (method, measure)]
        if dataset != "mean":
          mine = [cell for cell in mine if cell.dataset == dataset]
        values.append(literature.mean_of_cells(mine))
      rows.append((f"{dataset} {method}", values))
  return _grid(measures, rows, digits=3)


def _running_time(table: str) -> str:
  rows = [(cell.method, [cell.value]) for cell in literature.published_results(table)]
  return _grid(["seconds"], rows, digits=0)


def _truth(table: str, version: str) -> str:
  truth = literature.published_ground_truth(table, version=version)
  models = list(next(iter(truth.values())))
  accuracies, relative = [], []
  for model in models:
    values = [column[model] for column in truth.values()]
    accuracies.append((model, [*values, _mean(values)]))
    chosen = [float(name == model) for name in models]
    ratios = [
      relative_accuracy_at_k(chosen, [column[m] for m in models], k=1)
      for column in truth.values()
    ]
    relative.append((model, [*ratios, _mean(ratios)]))
  columns = [*truth, "mean"]
  lines = [_grid(columns, accuracies, digits=2)]
  for c in literature.published_corrections():
    if c.model in truth.get(c.dataset, {}):
      state = (
        f"corrected to {c.corrected:.2f}" if version == "corrected" else "misprint"
      )
      if version == "printed":
        state += f" for {c.corrected:.2f}"
      lines.append(f"{c.dataset} {c.model}: printed {c.printed:.2f}, {state}")
  lines += ["", "Rel-1 of choosing a model: its accuracy / the best of the data set"]
  return "\n".join([*lines, _grid(columns, relative, digits=3)])


def as_text(table: str, *, version: str = "corrected") -> str:
  """Returns a table of the papers with its averages, for reading."""
  if table in literature.GROUND_TRUTH_TABLES:
    body = _truth(table, version)
  elif table == "3":
    body = _few_samples(table)
  elif table == "4":
    body = _running_time(table)
  elif table == "5":
    body = _by_measure(table)
  else:
    body = _by_dataset(table, version)
  return f"{TITLES[table]}\n{body}\n"
