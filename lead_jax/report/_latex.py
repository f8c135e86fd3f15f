"""The report's tables for a LaTeX document, from the same summary as the page."""

import re
from collections.abc import Sequence

from lead_jax.report._columns import Column, columns
from lead_jax.report._summary import Row, Summary, summarise
from lead_jax.report._words import Name, Text, tau, visible
from lead_jax.results import Report

_SPECIAL = {
  "\\": r"\textbackslash{}",
  "{": r"\{",
  "}": r"\}",
  "$": r"\$",
  "&": r"\&",
  "#": r"\#",
  "%": r"\%",
  "_": r"\_\allowbreak{}",
  "^": r"\textasciicircum{}",
  "~": r"\textasciitilde{}",
  "<": r"\textless{}",
  ">": r"\textgreater{}",
  "|": r"\textbar{}",
  '"': r"\textquotedbl{}",
  "`": r"\textasciigrave{}",
  "'": r"\textquotesingle{}",
  "–": "--",
  "—": "---",
  "−": "$-$",
  "…": r"\ldots{}",
  "±": r"$\pm$",
  "×": r"$\times$",
  "·": r"$\cdot$",
  "→": r"$\to$",
  "≥": r"$\geq$",
  "≤": r"$\leq$",
  "τ": r"$\tau$",
  "λ": r"$\lambda$",
  "µ": r"$\mu$",
  "²": r"$^2$",
  "\u00a0": "~",
}
# Letters that LaTeX sets without further packages: those of the T1 encoding.
_LETTERS = frozenset(map(chr, range(0xC0, 0x180))) - set("×÷ĦħĸĿŀŉŦŧſ")

_HEAD = r"""% Tables of a lead_jax report. In the preamble:
%   \usepackage{booktabs,textcomp,graphicx}   \usepackage[T1]{fontenc}
% then, where they belong, \input this file.
"""


def as_latex(report: Report) -> str:
  """Returns the ranking, and the agreement with ground truth where there is any."""
  summary = summarise(report)
  parts = [_HEAD, _ranking(summary)]
  if any(not one.error for one in summary.agreement):
    parts.append(_agreement(summary))
  return "\n".join(parts)


def escape(value: str) -> str:
  """Returns text that LaTeX sets as it is; letters it has not by their number."""
  # Two hyphens would become a dash.
  return "-{}-".join("".join(map(_character, p)) for p in visible(value).split("--"))


def _character(c: str) -> str:
  if c in _SPECIAL:
    return _SPECIAL[c]
  if ord(c) < 128 or c in _LETTERS:
    return c
  return f"[U+{ord(c):04X}]"


def code(value: str) -> str:
  """A name in a typewriter's letters."""
  return rf"\texttt{{{escape(value)}}}"


def text(sentence: Text) -> str:
  """A sentence with its names set off."""
  return "".join(
    code(part) if isinstance(part, Name) else escape(part) for part in sentence
  )


def _table(
  heads: Sequence[str],
  rows: Sequence[Sequence[str]],
  caption: str,
  short: str,
  label: str,
  left: int,
) -> str:
  """A table environment; cells and both captions are LaTeX already."""
  align = "l" * left + "r" * (len(heads) - left)
  line = lambda cells: f"    {' & '.join(cells)} \\\\"
  return "\n".join(
    [
      r"\begin{table}[tbp]",
      r"  \centering",
      # The short one, for a list of tables; in braces, since it may hold a bracket.
      rf"  \caption[{{{short}}}]{{{caption}}}",
      rf"  \label{{{label}}}",
      r"  \resizebox{\linewidth}{!}{%",
      rf"  \begin{{tabular}}{{{align}}}",
      r"    \toprule",
      line(heads),
      r"    \midrule",
      *map(line, rows),
      r"    \bottomrule",
      r"  \end{tabular}}",
      r"\end{table}",
      "",
    ]
  )


def _ranking(summary: Summary) -> str:
  shown = [column for column in columns(summary) if column.kind != "text"]
  heads = ["model", *(escape(column.title) for column in shown)]
  rows = [
    [code(row.model), *(_cell(column, row) for column in shown)] for row in summary.rows
  ]
  short = f"Models ranked for {escape(summary.dataset)} by {code(summary.metric)}"
  caption = [short]
  caption.append(text(summary.recommendation.sentence).rstrip("."))
  caption.append(escape(summary.certainty).rstrip("."))
  caption += [
    f"{code(row.model)}: {escape(row.failure)}" for row in summary.rows if row.failure
  ]
  label = _label("ranking", summary)
  return _table(heads, rows, f"{'. '.join(caption)}.", short, label, left=1)


def _label(of: str, summary: Summary) -> str:
  """A label that the tables of another data set do not have."""
  name = re.sub("[^A-Za-z0-9]+", "-", summary.dataset).strip("-")
  return f"tab:{of}-{name}" if name else f"tab:{of}"


def _cell(column: Column, row: Row) -> str:
  below = column.below(row)
  return escape(column.text(row)) + (f" ({escape(below)})" if below else "")


def _agreement(summary: Summary) -> str:
  rows = [
    [
      code(one.ranking) if one.looks else rf"\emph{{{escape(one.ranking)}}}",
      *(escape(tau(value)) for value in (one.tau, one.tau_paper, one.tau_b)),
      "--" if one.regret is None else f"{one.regret:.1f}",
      str(one.models),
    ]
    for one in summary.agreement
    if not one.error
  ]
  short = "Agreement with the accuracy after fine-tuning"
  if summary.dataset:
    short += f" on {escape(summary.dataset)}"
  caption = (
    rf"{short}. $\tau$: weighted Kendall; Eq.~1: as "
    r"LEAD's paper weights it; $\tau_b$: unweighted; regret: accuracy points lost by "
    "taking the first. Emphasised: never looks at the data."
  )
  heads = ["ranking", r"$\tau$", "Eq.~1", r"$\tau_b$", "regret", "models"]
  label = _label("agreement", summary)
  return _table(heads, rows, caption, short, label, left=1)
