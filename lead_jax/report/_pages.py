"""The files of a report: what they are called, and how they are written."""

import csv
import io
import math
import os
from collections.abc import Callable, Mapping

from lead_jax.checks import check_arguments, csv_cell
from lead_jax.report._html import as_html
from lead_jax.report._latex import as_latex
from lead_jax.report._markdown import as_markdown
from lead_jax.results import Report, report_json
from lead_jax.system import user_path, write_together

SCORE_COLUMNS = (
  "model",
  "metric",
  "score",
  "rank",
  "status",
  "seconds",
  "cached",
  "std",
  "draws",
)


def as_csv(report: Report) -> str:
  """Returns one line per model and metric; no score is an empty field.

  Names that a spreadsheet would compute have `'` before them, as `checks.csv_cell` says.
  """
  buffer = io.StringIO()
  writer = csv.writer(buffer, lineterminator="\n")
  writer.writerow(SCORE_COLUMNS)
  for row in report.scores:
    score = "" if math.isnan(row.score) else repr(row.score)
    rank = "" if row.rank is None else row.rank
    names = (csv_cell(row.model), csv_cell(row.metric))
    cells = (*names, score, rank, csv_cell(row.status))
    std = "" if row.std is None else repr(row.std)
    cost = (f"{row.seconds:.4f}", str(row.cached).lower())
    writer.writerow((*cells, *cost, std, row.draws))
  return buffer.getvalue()


# In the order in which they are written: what says whose results these are comes last.
PAGES: Mapping[str, Callable[[Report], str]] = {
  "report.html": as_html,
  "report.md": as_markdown,
  "report.tex": as_latex,
  "scores.csv": as_csv,
  "report.json": report_json,
}


@check_arguments()
def write_pages(report: Report, folder: str | os.PathLike) -> None:
  """Writes all files of a report, or none: what is there is replaced when all are made.

  Args:
    report: A report.
    folder: Made where it is not there.

  Raises:
    UnwrittenError: (an InputError) If they cannot be written.
  """
  write_together(user_path(folder), {name: page(report, name) for name in PAGES})


def page(report: Report, name: str) -> bytes:
  """Returns the content of one of the files of a report, by its name in `PAGES`."""
  return PAGES[name](report).encode("utf-8", errors="replace")
