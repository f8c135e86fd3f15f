"""The report as Markdown that GitHub renders, from the same summary as the page."""

import re
from collections.abc import Sequence

from lead_jax.report._columns import Column, columns
from lead_jax.report._provenance import Section
from lead_jax.report._summary import Cell, Row, Summary, summarise
from lead_jax.report._words import NONE, Name, Text, plural, significant, tau, visible
from lead_jax.results import Report

# What Markdown or HTML would read as more than a character. An underscore inside a word
# is none of it.
_SPECIAL = re.compile(r"([\\`*\[\]<>|~&#$!])|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def as_markdown(report: Report) -> str:
  """Returns the report's text and tables."""
  summary = summarise(report)
  parts = [f"# Which model to fine-tune on {escape(summary.dataset)}", ""]
  parts += _advice(summary)
  parts += ["", "## The ranking", "", *_ranking(summary)]
  if len(summary.metrics) > 1:
    title = f"### All {plural(len(summary.metrics), 'metric')}"
    parts += ["", title, "", *_metrics(summary)]
  parts += ["", "## How sure it is", "", escape(summary.certainty)]
  groups = [(i, group) for i, group in enumerate(summary.groups, 1) if len(group) > 1]
  if groups:
    parts += ["", "Models that the data cannot tell apart, by group:", ""]
    parts += [f"- {number}: {', '.join(map(code, group))}" for number, group in groups]
  if summary.disagreement.lines:
    parts += ["", "## Where metrics disagree", ""]
    parts += [f"- {text(line)}" for line in summary.disagreement.lines]
  if summary.agreement:
    parts += ["", "## Against real fine-tuning", "", *_agreement(summary)]
  if summary.warnings or summary.remarks:
    parts += ["", "## What to know", ""]
    parts += [f"- **Warning:** {escape(line)}" for line in summary.warnings]
    parts += [f"- {text(line)}" for line in summary.remarks]
  parts += ["", "## What was run", "", *_run(summary)]
  return "\n".join(parts) + "\n"


def escape(value: str) -> str:
  """Returns text that is shown as it is."""
  return _SPECIAL.sub(lambda found: f"\\{found.group()}", visible(value))


def code(value: str) -> str:
  """A name, set as code; one with a backtick or a bar as escaped text."""
  value = visible(value)
  return escape(value) if set(value) & set("`|") else f"`{value}`"


def text(sentence: Text) -> str:
  """A sentence with its names set as code."""
  return "".join(
    code(part) if isinstance(part, Name) else escape(part) for part in sentence
  )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> list[str]:
  """A table whose first `left` columns are texts; cells are Markdown already."""
  rule = [":--" if i < left else "--:" for i in range(len(heads))]
  return [f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows)]


def _fenced(command: str) -> list[str]:
  """A block of code, with a fence that does not stand in it."""
  longest = max((len(run) for run in re.findall("`+", command)), default=0)
  fence = "`" * max(3, longest + 1)
  return [fence, command, fence]


def _advice(summary: Summary) -> list[str]:
  advice, step = summary.recommendation, summary.next_step
  parts = []
  if not summary.complete:
    parts += ["**This run was not finished: models are missing.**", ""]
  parts.append(f"**Recommendation.** {text(advice.sentence)}")
  for found in (advice.truth, advice.anchors, advice.evidence):
    if found:
      parts += ["", text(found)]
  parts += ["", f"**Next step.** {text(step.text)}"]
  if step.command:
    parts += ["", *_fenced(step.command)]
  return parts


def _ranking(summary: Summary) -> list[str]:
  rank, *others = columns(summary)
  heads = [rank.title, "model", *(column.title for column in others)]
  rows = [
    [_cell(rank, row), code(row.model), *(_cell(column, row) for column in others)]
    for row in summary.rows
  ]
  parts = table(heads, rows, left=2)
  described = f"Score: {summary.metric}, {summary.descriptions[summary.metric]}"
  parts += ["", f"{escape(described)} Larger is better."]
  failed = [row for row in summary.rows if row.failure]
  if failed:
    parts.append("")
  parts += [f"- {code(row.model)}: {escape(row.failure)}" for row in failed]
  return parts


def _cell(column: Column, row: Row) -> str:
  below = column.below(row)
  return escape(column.text(row)) + (f" ({below})" if below else "")


def _metrics(summary: Summary) -> list[str]:
  """Every score, and what the metrics are."""
  rows = [[code(row.model), *map(_metric_cell, row.cells)] for row in summary.rows]
  parts = table(["model", *map(code, summary.metrics)], rows, left=1)
  parts += ["", "Larger is better everywhere; the rank by that metric in brackets.", ""]
  parts += [
    f"- {code(metric)}: {escape(about)}"
    for metric, about in summary.descriptions.items()
  ]
  return parts


def _metric_cell(cell: Cell) -> str:
  if cell.score is None:
    return NONE if cell.lacks else "failed"
  shown = escape(significant(cell.score))
  return shown if cell.rank is None else f"{shown} ({cell.rank})"


def _agreement(summary: Summary) -> list[str]:
  rows = []
  for one in summary.agreement:
    if one.error:
      continue
    name = code(one.ranking)
    rows.append(
      [
        name if one.looks else f"*{escape(one.ranking)}*",
        tau(one.tau),
        tau(one.tau_paper),
        tau(one.tau_b),
        NONE if one.regret is None else f"{one.regret:.1f}",
        str(one.models),
      ]
    )
  parts = table(["ranking", "τ", "Eq. 1", "τ-b", "regret", "models"], rows, left=1)
  parts += [
    "",
    "τ: weighted Kendall with the accuracy after fine-tuning, 1 is perfect; Eq. 1: as "
    "LEAD's paper weights it; τ-b: unweighted; regret: accuracy points lost by taking the "
    "first. In italics: never looks at the data.",
  ]
  errors = [one for one in summary.agreement if one.error]
  if errors:
    parts.append("")
  parts += [f"- {code(one.ranking)}: none ({escape(one.error)})" for one in errors]
  return parts


def _run(summary: Summary) -> list[str]:
  parts = []
  if summary.command:
    parts += ["To run it again:", "", *_fenced(summary.command), ""]
  for section in summary.provenance:
    parts += _section(section)
  return parts[:-1] if parts and not parts[-1] else parts


def _section(section: Section) -> list[str]:
  facts = [f"- {escape(key)}: {escape(value)}" for key, value in section.facts]
  return [f"### {section.title}", "", *facts, ""]
