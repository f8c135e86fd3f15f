"""The ranked table and its footnotes, for a terminal or a pipe."""

import io
import math
import textwrap
from collections.abc import Sequence

from lead_jax.metrics import METRICS
from lead_jax.report.console import text_console
from lead_jax.results import ModelRow, Report, ScoreRow
from lead_jax.scoring import NEEDS

FACTS = ("params", "D", "seconds")
# Between a score and its rank, which belong on one line: rich breaks at every real space.
_GLUE = "\ue000"


def render(report: Report, *, width: int, color: bool) -> str:
  """Returns the table of all models, one column a metric, and what to know about it.

  Args:
    report: A report.
    width: Columns of the terminal. Long names are folded; where it is too narrow for all
      numbers, the facts about models are left out from the right (they are in the
      report's files).
    color: Whether escape codes may be used.
  """
  from rich.measure import Measurement

  buffer = io.StringIO()
  console = text_console(buffer, width=width, color=color)
  # Measured without a limit: within one, rich squeezes columns until they vanish.
  unlimited = console.options.update(width=10_000)
  fits = lambda table: Measurement.get(console, unlimited, table).minimum <= width
  facts = len(FACTS)
  while facts and not fits(_table(report, report.metrics, FACTS[:facts], width, color)):
    facts -= 1
  # Still too wide: several tables of fewer metrics, the models in the same order.
  at_once = len(report.metrics)
  while at_once > 1 and not fits(
    _table(report, report.metrics[:at_once], (), width, color)
  ):
    at_once -= 1
  for start in range(0, len(report.metrics), at_once):
    group = report.metrics[start : start + at_once]
    console.print(_table(report, group, FACTS[:facts], width, color))
  text = buffer.getvalue().rstrip("\n").replace(_GLUE, " ")
  lines = [line.rstrip() for line in text.splitlines()]
  return "\n".join([*lines, "", *_notes(report, width)])


def _table(
  report: Report, metrics: Sequence[str], facts: Sequence[str], width: int, color: bool
):
  from rich import box
  from rich.table import Table

  table = Table(
    box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold" if color else ""
  )
  first = report.metrics[0]
  table.add_column("#", justify="right", no_wrap=True)
  # A limit, since rich reckons that a column needs its longest word, folded or not.
  table.add_column("model", overflow="fold", max_width=max(12, width // 3))
  for metric in metrics:
    table.add_column(metric.replace("_", " "), justify="right", min_width=12)
  if report.ground_truth:
    table.add_column("fine-tuned %", justify="right", min_width=10)
  for fact in facts:
    table.add_column(fact, justify="right", no_wrap=True)
  for model in _ordered(report):
    row = {s.metric: s for s in report.scores if s.model == model.model}
    cells = [_rank(row[first]), model.model]
    cells += [_score(row[metric], metric == first) for metric in metrics]
    if report.ground_truth:
      truth = report.ground_truth.get(model.model)
      cells.append("–" if truth is None else f"{truth:.1f}")
    cells += [_fact(model, fact) for fact in facts]
    table.add_row(*cells, style="dim" if color and row[first].rank is None else "")
  return table


def _fact(model: ModelRow, fact: str) -> str:
  if fact == "params":
    return _count(model.num_params)
  if fact == "D":
    return "–" if model.feature_dim is None else str(model.feature_dim)
  # Reading and computing are parts of the extraction.
  stages = [v for k, v in model.seconds.items() if k not in ("read", "compute")]
  return f"{sum(stages):.1f}"


def _ordered(report: Report) -> list[ModelRow]:
  """The first metric's ranking, then those without a rank in the order asked for."""
  place = {model: i for i, model in enumerate(report.ranking())}
  return sorted(report.models, key=lambda row: place.get(row.model, len(place)))


def _rank(row: ScoreRow) -> str:
  return "–" if row.rank is None else str(row.rank)


def _score(row: ScoreRow, is_first: bool) -> str:
  if math.isnan(row.score):
    return "–" if row.status.startswith(NEEDS) else "failed"
  text = f"{row.score:.4g}" if abs(row.score) < 1e4 else f"{row.score:.3e}"
  if row.std is not None:
    text = f"{text}{_GLUE}±{row.std:.1g}"
  # The first column's rank stands at the line's beginning.
  return text if is_first or row.rank is None else f"{text}{_GLUE}({row.rank})"


def _count(number: int | None) -> str:
  if number is None:
    return "–"
  for unit, size in (("M", 1e6), ("k", 1e3)):
    if number >= size:
      return f"{number / size:.1f}{unit}"
  return str(number)


def _notes(report: Report, width: int) -> list[str]:
  notes = [_description(report, metric) for metric in report.metrics]
  if len(report.metrics) > 1:
    notes.append("Larger is better everywhere; a rank under that metric in brackets.")
  else:
    notes.append("Larger is better.")
  if report.agreement or report.static_agreement:
    notes += ["", *_agreement(report)]
  if report.warnings:
    notes += ["", *(f"warning: {line}" for line in report.warnings)]
  if reasons := _reasons(report):
    notes += ["", *reasons]
  fold = lambda line: textwrap.wrap(line, width, subsequent_indent="  ") or [""]
  return [folded for note in notes for folded in fold(note)]


def _description(report: Report, metric: str) -> str:
  entry = METRICS[metric]
  text = f"{metric}: {entry.description}; {entry.unit}"
  draws = {row.draws for row in report.scores if row.metric == metric and row.draws}
  if draws:
    text += f"; ± the standard deviation over {' or '.join(sorted(draws))}"
  elif entry.random:
    text += "; depends on the seed"
  if entry.pool is not None:
    text += "; relative to the other models of this run"
  return f"{text}."


def _reasons(report: Report) -> list[str]:
  """What is to be known of models and scores; what holds for many is said once."""
  failed = [row for row in report.models if row.status != "ok"]
  lines = [f"{row.model}: {row.status}" for row in failed]
  names = {row.model for row in failed}
  models: dict[tuple[str, str], list[str]] = {}
  for metric in report.metrics:
    for row in report.scores:
      if row.metric == metric and row.status != "ok" and row.model not in names:
        models.setdefault((metric, row.status), []).append(row.model)
  for (metric, status), found in models.items():
    if len(found) == 1:
      who = found[0]
    elif len(found) == len(report.models) - len(failed):
      who = "all models"
    else:
      who = f"{len(found)} models ({', '.join(found)})"
    lines.append(f"{metric}, {who}: {status}")
  return lines


def _agreement(report: Report) -> Sequence[str]:
  """A line a ranking, the best first; those that cannot be judged last."""
  found = dict(report.agreement)
  for name, measures in report.static_agreement.items():
    found[f"{name} (never looks at the data)"] = measures
  judged = {name: m for name, m in found.items() if "error" not in m}
  order = sorted(judged, key=lambda name: -judged[name]["weighted_kendall"])
  width = max((len(name) for name in order), default=0)
  lines = [
    "Agreement with the models' real fine-tuned accuracy, the best first (tau: weighted "
    "Kendall, 1 is perfect; Eq. 1: as LEAD's paper weights it; tau-b: unweighted; regret: "
    "points lost by taking the first):"
  ]
  if order:
    lines.append(f"  {'':{width}}     tau   Eq. 1   tau-b  regret  models")
  for name in order:
    one = judged[name]
    lines.append(
      f"  {name:{width}}  {one['weighted_kendall']:6.3f}"
      f"  {one['weighted_kendall_paper']:6.3f}  {one['kendall']:6.3f}"
      f"  {one['regret_at_1']:6.1f}  {one['models']:6d}"
    )
  lines += [
    f"  {name}: none ({m['error']})" for name, m in found.items() if "error" in m
  ]
  return lines
