"""Two runs beside each other, in words and a table for a terminal."""

import io

from lead_jax.report._console import text_console
from lead_jax.report._words import NONE, clean, listed, plural, significant
from lead_jax.results import Comparison


def render_comparison(comparison: Comparison, *, width: int, color: bool) -> str:
  """Returns what differs between two runs.

  Args:
    comparison: Of `compare`.
    width: Columns of the terminal.
    color: Whether escape codes may be used.
  """
  from rich import box
  from rich.table import Table

  buffer = io.StringIO()
  console = text_console(buffer, width=width, color=color)
  for line in _lines(comparison):
    console.print(line, soft_wrap=True)
  if comparison.moves:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("metric", "model"):
      table.add_column(title, overflow="fold")
    for title in ("old rank", "new rank", "old score", "new score"):
      table.add_column(title, justify="right", no_wrap=True)
    for move in comparison.moves:
      ranks = [
        NONE if rank is None else str(rank) for rank in (move.old_rank, move.new_rank)
      ]
      scores = map(significant, (move.old_score, move.new_score))
      table.add_row(clean(move.metric), clean(move.model), *ranks, *scores)
    console.print(table)
  lines = buffer.getvalue().rstrip("\n").splitlines()
  return "\n".join(line.rstrip() for line in lines)


def _lines(comparison: Comparison) -> list[str]:
  same = plural(comparison.same, "score and its rank", "scores and ranks")
  moved = plural(
    len(comparison.moves), "score or rank differs", "scores or ranks differ"
  )
  lines = [f"{same} of both runs are equal; {moved}."]
  for what, names in (
    ("Models only in the new run", comparison.added_models),
    ("Models only in the old run", comparison.gone_models),
    ("Metrics only in the new run", comparison.added_metrics),
    ("Metrics only in the old run", comparison.gone_metrics),
  ):
    if names:
      lines.append(f"{what}: {listed(names)}.")
  for name, (old, new) in comparison.differences.items():
    lines.append(
      f"{name}: {clean(str(old))} in the old run, {clean(str(new))} in the new."
    )
  return lines
