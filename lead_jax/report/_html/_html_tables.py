"""The tables of the page. Every cell holds its exact value beside what is shown."""

from collections.abc import Sequence

from lead_jax.report._columns import Column, columns
from lead_jax.report._html._markup import Markup, join, name, tag
from lead_jax.report._summary import Agreement, Cell, Row, Summary
from lead_jax.report._words import NONE, significant, tau


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
    if column.kind == "accuracy"
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
  kind = "text" if column.kind == "text" else None
  return tag(
    "th",
    column.title,
    scope="col",
    title=column.about,
    class_=kind,
    data_kind=kind,
    data_first="ascending" if column.rises else "descending",
    aria_sort="ascending" if column.title == "rank" else None,
  )


def _cell(shown: object, value: float | str | None, class_: str = "") -> Markup:
  exact = "" if value is None else repr(value) if isinstance(value, float) else value
  return tag("td", shown, class_=class_ or None, data_value=exact)


def _main_cell(column: Column, row: Row, most: float | None) -> Markup:
  value, text = column.value(row), column.text(row)
  parts: list[object] = [text]
  if column.kind == "share" and isinstance(value, float):
    parts.insert(0, _bar(value))
  if column.kind == "text" and value is not None and text != value:
    parts = [tag("span", text, title=value)]
  if below := column.below(row):
    parts.append(tag("small", below))
  best = most is not None and value == most
  class_ = "text" if column.kind == "text" else "best" if best else ""
  return _cell(join(*parts), value, class_)


def _bar(share: float) -> Markup:
  return tag(
    "svg",
    tag("rect", width="100%", height="100%", class_="track"),
    tag("rect", width=f"{100 * share:.1f}%", height="100%", class_="fill"),
    class_="bar",
    aria_hidden="true",
  )


def _row_class(row: Row) -> str | None:
  if row.rank is None:
    return "failed"
  return "leading" if row.group == 1 or (row.group is None and row.rank == 1) else None


def _model(row: Row) -> Markup:
  parts = [name(row.model)]
  if row.failure:
    parts.append(tag("div", row.failure, class_="failure"))
  return tag("th", *parts, scope="row", data_value=row.model)


def _metric_cell(cell: Cell) -> Markup:
  if cell.score is None:
    return tag("td", NONE if cell.lacks else "failed", title=cell.status, data_value="")
  rank = tag("small", NONE if cell.rank is None else cell.rank)
  status = None if cell.status == "ok" else cell.status
  return tag(
    "td", significant(cell.score), rank, title=status, data_value=repr(cell.score)
  )
