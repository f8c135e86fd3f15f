"""The ranked table, its footnotes and the conclusion, for a terminal or a pipe."""

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lead_jax.report._console import text_console
from lead_jax.report._summary import Cell, Row, Summary, summarise
from lead_jax.report._words import (
  NONE,
  accuracy,
  count,
  interval,
  plain,
  share,
  significant,
  span,
)
from lead_jax.results import Report

if TYPE_CHECKING:
  from rich.console import Console
  from rich.table import Table
  from rich.text import Text

FACTS = ("params", "FLOPs", "D", "seconds", "input range")
# Between a score and its rank, which belong on one line: rich breaks at every real space.
_GLUE = "\ue000"
# Below so many columns there is no room for what is known of the order.
_NARROW = 50
_NAME = 12
_EIGHTHS = " ▏▎▍▌▋▊▉"
_BAR = 5


def render(report: Report, *, width: int, color: bool, warnings: bool = True) -> str:
  """Returns the table of all models, one column per metric, and what to know about it.

  Args:
    report: A report.
    width: Columns of the terminal. Long names are folded; where it is too narrow for all
      numbers, the facts about models are left out from the right, then the accuracies
      after fine-tuning, intervals and P(best) (all are in the report's files).
    color: Whether escape codes may be used. Without them there are no bars either: what
      reads a pipe wants the numbers.
    warnings: Whether they are told, which the reader may have seen already.
  """
  summary = summarise(report)
  buffer = io.StringIO()
  console = text_console(buffer, width=width, color=color)
  for table in _tables(summary, console, width, color):
    console.print(table)
  for note in _notes(summary, width, warnings=warnings):
    console.print(_styled(note), soft_wrap=True)
  console.print()
  for line in _conclusion(summary, width):
    console.print(line, soft_wrap=True)
  lines = buffer.getvalue().rstrip("\n").replace(_GLUE, " ").splitlines()
  return "\n".join(line.rstrip() for line in lines)


class _Layout(NamedTuple):
  """What stands in a table.

  Attributes:
    metrics: A column each.
    facts: About models, a column each.
    bar: Whether the chance of being best is drawn too.
  """

  metrics: Sequence[str]
  facts: Sequence[str] = ()
  bar: bool = False


def _tables(
  summary: Summary, console: "Console", width: int, color: bool
) -> list["Table"]:
  """One table where it fits, else several of fewer metrics, the models in one order."""
  from rich.measure import Measurement

  # Measured without a limit: within one, rich squeezes columns until they vanish.
  unlimited = console.options.update(width=10_000)

  def fits(layout: _Layout, *, folded: bool) -> bool:
    table = _table(summary, layout, width, color)
    found = Measurement.get(console, unlimited, table)
    return (found.minimum if folded else found.maximum) <= width

  whole = summary.metrics
  layouts = [
    _Layout(whole, FACTS[:facts], bar=color) for facts in range(len(FACTS), -1, -1)
  ]
  # Rather without a fact or the bars than with names in two lines.
  for folded in (False, True):
    for layout in (*layouts, _Layout(whole)):
      if fits(layout, folded=folded):
        return [_table(summary, layout, width, color)]
  at_once = len(whole)
  while at_once > 1 and not fits(_Layout(whole[:at_once]), folded=True):
    at_once -= 1
  groups = [whole[i : i + at_once] for i in range(0, len(whole), at_once)]
  return [_table(summary, _Layout(group), width, color) for group in groups]


def _table(summary: Summary, layout: _Layout, width: int, color: bool) -> "Table":
  from rich import box
  from rich.table import Table

  table = Table(
    box=box.SIMPLE_HEAD,
    pad_edge=False,
    collapse_padding=True,
    header_style="bold" if color else "",
  )
  metrics = layout.metrics
  # What is known of the order stands once, beside the metric that makes it.
  sure = bool(summary.draws) and summary.metric in metrics and width >= _NARROW
  table.add_column("#", justify="right", no_wrap=True)
  if sure:
    table.add_column(f"{100 * summary.level:g} %", justify="right", no_wrap=True)
  # A limit, since rich reckons that a column needs its longest word, folded or not.
  longest = max(len(row.model) for row in summary.rows)
  table.add_column(
    "model",
    overflow="fold",
    min_width=min(_NAME, longest),
    max_width=max(_NAME, width // 3),
  )
  if sure:
    table.add_column("P(best)", justify="right", no_wrap=True)
  for metric in metrics:
    table.add_column(metric.replace("_", " "), justify="right", min_width=12)
  truth = width >= _NARROW and any(row.truth is not None for row in summary.rows)
  if truth:
    table.add_column("fine-tuned %", justify="right", min_width=10)
  for fact in layout.facts:
    table.add_column(fact, justify="right", no_wrap=True)
  for row in summary.rows:
    cells: list[str | Text] = [NONE if row.rank is None else str(row.rank)]
    if sure:
      cells.append(NONE if row.ranks is None else span(*row.ranks))
    cells.append(row.model)
    if sure:
      cells.append(_p_best(row, layout.bar))
    known = dict(zip(summary.metrics, row.cells, strict=True))
    cells += [_score(known[metric], metric == summary.metric) for metric in metrics]
    if truth:
      cells.append(accuracy(row.truth))
    cells += [_fact(row, fact) for fact in layout.facts]
    table.add_row(*cells, style=_style(row) if color else "")
  return table


def _style(row: Row) -> str:
  if row.rank is None:
    return "dim"
  return "bold" if row.rank == 1 or row.group == 1 else ""


def _p_best(row: Row, drawn: bool) -> "str | Text":
  from rich.text import Text

  shown = share(row.p_best)
  if not drawn or row.p_best is None:
    return shown
  return Text.assemble((bar(row.p_best), "cyan not bold"), f" {shown:>5}")


def bar(part: float) -> str:
  """A bar whose full length is five columns, to an eighth of one."""
  eighths = round(8 * _BAR * min(1.0, max(0.0, part)))
  whole, rest = divmod(eighths, 8)
  return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(_BAR)


def _fact(row: Row, fact: str) -> str:
  if fact == "params":
    return count(row.params)
  if fact == "FLOPs":
    return count(row.flops)
  if fact == "D":
    return NONE if row.dim is None else str(row.dim)
  if fact == "seconds":
    return f"{row.seconds:.1f}"
  return _ascii(interval(*row.sees)) if row.sees else NONE


def _score(cell: Cell, is_first: bool) -> str:
  if cell.score is None:
    return NONE if cell.lacks else "failed"
  text = _ascii(significant(cell.score))
  if cell.std is not None:
    text = f"{text}{_GLUE}±{cell.std:.1g}"
  # The first column's rank stands at the line's beginning.
  return text if is_first or cell.rank is None else f"{text}{_GLUE}({cell.rank})"


def _ascii(number: str) -> str:
  """With the minus that a program reads."""
  return number.replace("−", "-")


def _styled(line: str) -> "Text":
  from rich.text import Text

  style = "yellow" if line.startswith("warning: ") else ""
  return Text(line, style=style)


def _notes(summary: Summary, width: int, *, warnings: bool) -> list[str]:
  notes = [f"{metric}: {summary.descriptions[metric]}" for metric in summary.metrics]
  if len(summary.metrics) > 1:
    notes.append("Larger is better everywhere; a rank under that metric in brackets.")
  else:
    notes.append("Larger is better.")
  notes.append(summary.certainty)
  if summary.agreement:
    notes += ["", *_agreement(summary)]
  if warnings and summary.warnings:
    notes += ["", *(f"warning: {line}" for line in summary.warnings)]
  if summary.remarks:
    notes += ["", *map(plain, summary.remarks)]
  return [folded for note in notes for folded in _fold(note, width)]


def _fold(text: str, width: int) -> list[str]:
  return textwrap.wrap(text, width, subsequent_indent="  ") or [""]


def _agreement(summary: Summary) -> list[str]:
  """A line a ranking, the best first; those that cannot be judged last."""
  judged = {
    one.ranking if one.looks else f"{one.ranking} (never looks at the data)": one
    for one in summary.agreement
  }
  width = max(
    len(name) for name, one in judged.items() if not one.error or not one.looks
  )
  lines = [
    "Agreement with the models' real fine-tuned accuracy, the best first (tau: weighted "
    "Kendall, 1 is perfect; Eq. 1: as LEAD's paper weights it; tau-b: unweighted; regret: "
    "points lost by taking the first):"
  ]
  if any(not one.error for one in judged.values()):
    lines.append(f"  {'':{width}}     tau   Eq. 1   tau-b  regret  models")
  for name, one in judged.items():
    if one.error:
      lines.append(f"  {name}: none ({one.error})")
      continue
    lines.append(
      f"  {name:{width}}  {one.tau:6.3f}  {one.tau_paper:6.3f}  {one.tau_b:6.3f}"
      f"  {one.regret:6.1f}  {one.models:6d}"
    )
  return lines


def _conclusion(summary: Summary, width: int) -> list["Text"]:
  """The recommendation and the next step; a command is never folded."""
  from rich.text import Text

  advice, step = summary.recommendation, summary.next_step
  lines = []
  for i, sentence in enumerate((advice.sentence, advice.truth, advice.evidence)):
    style = "bold" if i == 0 else ""
    lines += [Text(line, style=style) for line in _fold(plain(sentence), width) if line]
  lines.append(Text(""))
  lines += [Text(line) for line in _fold(f"Next: {plain(step.text)}", width)]
  if step.command:
    lines.append(Text(f"  {step.command}", style="cyan"))
  return lines
