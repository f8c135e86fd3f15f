"""The columns of the ranking, for all outputs: what stands there, and what is sorted."""

from collections.abc import Callable
from typing import NamedTuple

from lead_jax.report._summary import Row, Summary
from lead_jax.report._words import (
  NONE,
  accuracy,
  beginning,
  count,
  interval,
  seconds,
  share,
  significant,
  span,
)

Value = float | str | None


class Column(NamedTuple):
  """One column.

  Attributes:
    title: Its head.
    about: What it holds.
    text: What stands there.
    value: The exact value; None where there is none.
    below: What stands below or behind the text; empty where nothing does.
    kind: `number`, `share` (of 1, which may be drawn), `accuracy` (of which the largest
      may be set off) or `text`.
    rises: Whether small values, or the first letters, come first.
  """

  title: str
  about: str
  text: Callable[[Row], str]
  value: Callable[[Row], Value]
  below: Callable[[Row], str] = lambda row: ""
  kind: str = "number"
  rises: bool = False


def columns(summary: Summary) -> list[Column]:
  """Returns the columns for which there is anything to show; `rank` is the first."""
  level = f"{100 * summary.level:g} %"
  found = [
    Column(
      "rank",
      f"By {summary.metric}; with its {level} interval",
      lambda row: NONE if row.rank is None else str(row.rank),
      lambda row: row.rank,
      lambda row: "" if row.ranks is None else span(*row.ranks),
      rises=True,
    ),
    Column(
      "score",
      f"{summary.metric}, larger is better; with its {level} interval",
      _score,
      lambda row: row.score,
      lambda row: "" if row.scores is None else interval(*row.scores),
    ),
    Column(
      "P(best)",
      "How often the model would be first with other images like these",
      lambda row: share(row.p_best),
      lambda row: row.p_best,
      kind="share",
    ),
    Column(
      "kNN\u00a0%",
      "Leave-one-out accuracy of nearest neighbours on the features",
      lambda row: accuracy(row.knn),
      lambda row: row.knn,
      kind="accuracy",
    ),
    Column(
      "linear probe\u00a0%",
      "Cross-validated accuracy of a linear classifier on the features",
      lambda row: accuracy(row.linear_probe),
      lambda row: row.linear_probe,
      kind="accuracy",
    ),
    Column(
      "fine-tuned\u00a0%",
      "True accuracy after fine-tuning",
      lambda row: accuracy(row.truth),
      lambda row: row.truth,
      kind="accuracy",
    ),
    Column(
      "params", "Parameters", lambda row: count(row.params), lambda row: row.params
    ),
    Column(
      "FLOPs",
      "Floating-point operations an image; a multiply and an add are two",
      lambda row: count(row.flops),
      lambda row: row.flops,
    ),
    Column(
      "input range",
      "The least and the largest value that the network sees: (0 − mean) / std to "
      "(255 − mean) / std",
      lambda row: interval(*row.sees) if row.sees else NONE,
      lambda row: row.sees[-1] if row.sees else None,
      kind="text",
    ),
    Column(
      "seconds",
      "That this run spent on the model",
      lambda row: seconds(row.seconds),
      lambda row: row.seconds,
    ),
    Column(
      "licence",
      "Of the weights",
      lambda row: beginning(row.licence),
      lambda row: row.licence or None,
      kind="text",
      rises=True,
    ),
  ]
  always = ("rank", "score")
  return [
    column
    for column in found
    if column.title in always
    or any(column.value(row) is not None for row in summary.rows)
  ]


def _score(row: Row) -> str:
  text = significant(row.score)
  return text if row.std is None else f"{text} ± {row.std:.1g}"
