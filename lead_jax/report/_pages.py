"""The files of a report: what they are called, and how they are written."""

import csv
import io
import math
import os
from collections.abc import Callable, Mapping

from lead_jax.report._html import as_html
from lead_jax.report._latex import as_latex
from lead_jax.report._markdown import as_markdown
from lead_jax.results import Report, report_json
from lead_jax.system import user_path, write_text

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
  """Returns one line per model and metric; no score is an empty field."""
  buffer = io.StringIO()
  writer = csv.writer(buffer, lineterminator="\n")
  writer.writerow(SCORE_COLUMNS)
  for row in report.scores:
    score = "" if math.isnan(row.score) else repr(row.score)
    rank = "" if row.rank is None else row.rank
    cells = (row.model, row.metric, score, rank, row.status)
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


def write_pages(report: Report, folder: str | os.PathLike) -> None:
  """Writes all files of a report; each replaces the one that is there in one step.

  Args:
    report: A report.
    folder: Made where it is not there.

  Raises:
    InputError: If the folder cannot be written.
  """
  folder = user_path(folder)
  texts = {name: text_of(report) for name, text_of in PAGES.items()}
  for name, text in texts.items():
    write_text(folder / name, text)
