"""The tables of the page. Every cell holds its exact value beside what is shown."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lead_jax.report.html.markup import Markup, join, name, tag
from lead_jax.report.summary import Agreement, Cell, Row, Summary
from lead_jax.report.words import (
  NONE,
  accuracy,
  beginning,
  count,
  interval,
  percent,
  seconds,
  significant,
  span,
  tau,
)


class Column(NamedTuple):
  """One column of a sortable table.

  Attributes:
    title: Its head.
    about: What it holds, for a tooltip.
    show: Cell's content.
    value: What it is sorted by; None stands last.
    first: The order of the first click.
    best: Whether the largest value is set off.
  """

  title: str
  about: str
  show: Callable[[Row], object]
  value: Callable[[Row], float | str | None]
  first: str = "descending"
  best: bool = False
  text: bool = False


def columns(summary: Summary) -> list[Column]:
  """Returns the columns for which there is anything to show."""
  share = f"{100 * summary.level:g} %"
  found = [
    Column("rank", f"By {summary.metric}", _rank, lambda row: row.rank, "ascending"),
    Column(
      "score",
      f"{summary.metric}, larger is better; below it its {share} interval",
      _score,
      lambda row: row.score,
    ),
    Column(
      "P(best)",
      "How often the model is first when the images are resampled",
      _p_best,
      lambda row: row.p_best,
    ),
    Column(
      "kNN\u00a0%",
      "Leave-one-out accuracy of nearest neighbours on the features",
      lambda row: accuracy(row.knn),
      lambda row: row.knn,
      best=True,
    ),
    Column(
      "linear probe\u00a0%",
      "Cross-validated accuracy of a linear classifier on the features",
      lambda row: accuracy(row.linear_probe),
      lambda row: row.linear_probe,
      best=True,
    ),
    Column(
      "fine-tuned\u00a0%",
      "True accuracy after fine-tuning",
      lambda row: accuracy(row.truth),
      lambda row: row.truth,
      best=True,
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
      "seconds",
      "That this run spent on the model",
      lambda row: seconds(row.seconds),
      lambda row: row.seconds,
    ),
    Column(
      "licence",
      "Of the weights",
      _licence,
      lambda row: row.licence or None,
      "ascending",
      text=True,
    ),
  ]
  always = ("rank", "score", "seconds")
  return [
    column
    for column in found
    if column.title in always
    or any(column.value(row) is not None for row in summary.rows)
  ]


def main_table(summary: Summary) -> Markup:
  """Returns the ranked table with every model of the run."""
  shown = columns(summary)
  heads = [
    tag("th", "model", scope="col", data_kind="text", data_first="ascending"),
    *(_head(column) for column in shown),
  ]
  most = {
    column.title: max(
      (v for row in summary.rows if isinstance(v := column.value(row), int | float)),
      default=None,
    )
    for column in shown
    if column.best
  }
  rows = [
    tag(
      "tr",
      _model(row),
      *(_main_cell(column, row, most.get(column.title)) for column in shown),
      class_=_row_class(row),
    )
    for row in summary.rows
  ]
  return _table("main", "All models, as ranked", heads, rows)


def metrics_table(summary: Summary) -> Markup:
  """Returns the scores and ranks of all models by all metrics."""
  heads = [tag("th", "model", scope="col", data_kind="text", data_first="ascending")]
  for metric in summary.metrics:
    about = summary.descriptions[metric]
    heads.append(
      tag("th", name(metric), scope="col", title=about, data_first="descending")
    )
  rows = [
    tag(
      "tr",
      tag("th", name(row.model), scope="row", data_value=row.model),
      *map(_metric_cell, row.cells),
    )
    for row in summary.rows
  ]
  return _table("metrics", "Every score; the rank by that metric below it", heads, rows)


def agreement_table(rows: Sequence[Agreement]) -> Markup:
  """Returns how every ranking agrees with the accuracies after fine-tuning."""
  titles = (
    ("τ", "Weighted Kendall's tau; 1 is perfect"),
    ("Eq. 1", "The same as LEAD's paper weights it"),
    ("τ-b", "Unweighted"),
    ("regret", "Accuracy points lost by taking the first"),
    ("models", "Compared"),
  )
  heads = [tag("th", "ranking", scope="col", data_kind="text", data_first="ascending")]
  for i, (title, about) in enumerate(titles):
    order = "ascending" if title == "regret" else "descending"
    sort = "descending" if i == 0 else None
    heads.append(
      tag("th", title, scope="col", title=about, data_first=order, aria_sort=sort)
    )
  body = []
  for row in rows:
    note = "" if row.looks else tag("small", "never looks at the data")
    if row.error:
      note = tag("small", row.error)
    head = tag("th", name(row.ranking), note, scope="row", data_value=row.ranking)
    regret = NONE if row.regret is None else f"{row.regret:.1f}"
    body.append(
      tag(
        "tr",
        head,
        _cell(tau(row.tau), row.tau),
        _cell(tau(row.tau_paper), row.tau_paper),
        _cell(tau(row.tau_b), row.tau_b),
        _cell(regret, row.regret),
        _cell(row.models, row.models),
      )
    )
  caption = "Agreement with the accuracies after fine-tuning, best first"
  return _table("agreement", caption, heads, body)


def _table(
  key: str, caption: str, heads: Sequence[Markup], rows: Sequence[Markup]
) -> Markup:
  """A table that scrolls inside its frame, by keyboard too."""
  table = tag(
    "table",
    tag("caption", caption, id=f"{key}-caption"),
    tag("thead", tag("tr", *heads)),
    tag("tbody", *rows),
    class_="sortable",
    id=f"{key}-table",
  )
  return tag(
    "div",
    table,
    class_="scroll",
    tabindex="0",
    role="region",
    aria_labelledby=f"{key}-caption",
  )


def _head(column: Column) -> Markup:
  return tag(
    "th",
    column.title,
    scope="col",
    title=column.about,
    class_="text" if column.text else None,
    data_kind="text" if column.text else None,
    data_first=column.first,
    aria_sort="ascending" if column.title == "rank" else None,
  )


def _cell(shown: object, value: float | str | None, class_: str = "") -> Markup:
  exact = "" if value is None else repr(value) if isinstance(value, float) else value
  return tag("td", shown, class_=class_ or None, data_value=exact)


def _main_cell(column: Column, row: Row, most: float | None) -> Markup:
  value = column.value(row)
  best = most is not None and value == most
  class_ = "text" if column.text else "best" if best else ""
  return _cell(column.show(row), value, class_)


def _row_class(row: Row) -> str | None:
  if row.rank is None:
    return "failed"
  return "leading" if row.group == 1 or (row.group is None and row.rank == 1) else None


def _model(row: Row) -> Markup:
  parts = [name(row.model)]
  if row.failure:
    parts.append(tag("div", row.failure, class_="failure"))
  return tag("th", *parts, scope="row", data_value=row.model)


def _rank(row: Row) -> object:
  if row.rank is None:
    return NONE
  if row.ranks is None:
    return row.rank
  return join(row.rank, tag("small", span(*row.ranks)))


def _score(row: Row) -> object:
  text = significant(row.score)
  if row.std is not None:
    text += f" ± {row.std:.1g}"
  if row.scores is None:
    return text
  return join(text, tag("small", interval(*row.scores)))


def _licence(row: Row) -> object:
  """Some hold a page: its beginning, and the whole where it is pointed at and below."""
  start = beginning(row.licence)
  return start if start == row.licence else tag("span", start, title=row.licence)


def _p_best(row: Row) -> object:
  if row.p_best is None:
    return NONE
  bar = tag(
    "svg",
    tag("rect", width="100%", height="100%", class_="track"),
    tag("rect", width=f"{100 * row.p_best:.1f}%", height="100%", class_="fill"),
    class_="bar",
    aria_hidden="true",
  )
  return join(bar, percent(row.p_best))


def _metric_cell(cell: Cell) -> Markup:
  if cell.score is None:
    return tag("td", NONE if cell.lacks else "failed", title=cell.status, data_value="")
  rank = tag("small", NONE if cell.rank is None else cell.rank)
  status = None if cell.status == "ok" else cell.status
  return tag(
    "td", significant(cell.score), rank, title=status, data_value=repr(cell.score)
  )
