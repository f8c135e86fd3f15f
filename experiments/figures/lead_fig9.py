"""LEAD, Fig. 9: the head's width, towards the kernel of infinite width.

Both hidden layers have one width, as in the paper. A drawn head's kernel is compared with
that of wide heads of the same widths in closed form (`ntk.wide_head_kernel`), and the zoo
is ranked by the rates of single heads and by their expectation over all heads.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.figures import lead_parts, rankings
from experiments.figures.material import Material
from lead_jax import ntk
from lead_jax.assessment import plotting
from lead_jax.data import Dataset

WIDTHS = (8, 32, 128, 512, 2048)
HEADS = 4
_TICKS = (0.05, 0.1, 0.2, 0.5, 1.0)
_START = "t = 0"


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns weighted tau by data set and width, and how far kernels are from the limit."""
  drawn: list[dict[str, dict[str, list[float]]]] = [{} for _ in range(HEADS)]
  expected: dict[str, dict[str, list[float]]] = {}
  errors: dict[str, dict[str, float]] = {}
  for dataset in material.datasets:
    log_init = lead_parts.starts(material, dataset)
    score = lambda rates, d=dataset, start=log_init: lead_parts.scores(
      start, d.labels, rates, lead_parts.PAPER.t
    )
    still = np.zeros((len(log_init), len(dataset.class_names)))
    for table in (*drawn, expected):
      table.setdefault(_START, {})[dataset.name] = score(still)
    for width in WIDTHS:
      name = f"width {width}"
      rates, limit, error = _of_width(material, dataset, width)
      for head, table in enumerate(drawn):
        table.setdefault(name, {})[dataset.name] = score(rates[:, head])
      expected.setdefault(name, {})[dataset.name] = score(limit)
      errors.setdefault(name, {})[dataset.name] = error
  about = {f"width {w}": {"value": w} for w in WIDTHS}
  rows = []
  for rates, tables in (("drawn", drawn), ("expected", [expected])):
    found = rankings.ranking_rows(
      [lead_parts.tabulate(material, table) for table in tables],
      about,
      reference=_START,
      seed=material.seed,
    )
    for row in found:
      row["rates"] = rates
      by_dataset = errors.get(row["method"], {})
      at = row["dataset"]
      if by_dataset:
        mean = float(np.mean(list(by_dataset.values())))
        row["kernel_error"] = mean if at == rankings.MEAN else by_dataset[at]
    rows += found
  return rows


def _of_width(material: Material, dataset: Dataset, width: int):
  """Returns rates [M, heads, K], expected ones [M, K], and the kernels' mean error."""
  classes = len(dataset.class_names)
  size = lead_parts.PAPER.samples_per_class
  picked, mask = lead_parts.chosen(dataset.labels, classes, size, material.seed)
  place = np.arange(picked.size).reshape(picked.shape)
  _, keys_h = lead_parts.keys_of(material.seed, HEADS)
  rates, limits, errors = {}, {}, {}
  for m, ready in lead_parts.each(material, dataset, f"heads of width {width}"):
    x = jnp.asarray(np.asarray(ready.features, np.float32)[picked.ravel()])
    hidden = (width, width)
    found = _kernels(x, keys_h, num_classes=classes, hidden=hidden, size=size)
    diagonals, errors[m] = map(np.asarray, found)
    rates[m] = lead_parts.rates_of(diagonals, place, mask, classes)
    expected = ntk.expected_head_kernel_diagonal(
      jnp.sum(x * x, axis=1), dim=x.shape[1], num_classes=classes, hidden=hidden
    )
    limits[m] = lead_parts.rates_of(np.asarray(expected), place, mask, classes)
  stacked = lambda by_model: np.stack([by_model[m] for m in range(len(by_model))])
  return stacked(rates), stacked(limits), float(np.mean(stacked(errors)))


@functools.partial(jax.jit, static_argnames=("num_classes", "hidden", "size"))
def _kernels(x_nd, keys_h, *, num_classes: int, hidden: tuple[int, ...], size: int):
  """Diagonals [heads, N], and the error of the kernel of the first samples [heads]."""
  first_sd = x_nd[:size]
  limit = ntk.wide_head_kernel(first_sd, num_classes=num_classes, hidden=hidden)
  head = ntk.MLPHead(num_classes, hidden)

  def one_head(key):
    params = ntk.init_head(head, key, x_nd.shape[1], x_nd.dtype)
    kernel = ntk.head_kernel(params, first_sd)
    error = jnp.linalg.norm(kernel - limit) / jnp.linalg.norm(limit)
    return ntk.head_kernel_diagonal(params, x_nd), error

  return jax.lax.map(one_head, keys_h)


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws tau and the kernels' error against the width."""
  picture = plotting.new_figure(2.8)
  left, right = picture.subplots(1, 2)
  for index, dataset in enumerate(rankings.datasets_of(rows)):
    of = lambda rates, name=dataset: [
      row
      for row in rows
      if (row["dataset"], row["rates"]) == (name, rates) and row["method"] != _START
    ]
    last = dataset == rankings.datasets_of(rows)[-1]
    rankings.draw_line(left, of("drawn"), index, dataset, y="tau", band=last)
    colour = rankings.colour_of(index, dataset)
    values = [row["value"] for row in of("drawn")]
    left.vlines(
      values,
      [row["draw_low"] for row in of("drawn")],
      [row["draw_high"] for row in of("drawn")],
      color=colour,
      lw=2.5,
      alpha=0.5,
    )
    expected = [row["tau"] for row in of("expected")]
    left.plot(values, expected, color=colour, ls=":", lw=1.2)
    error = [row["kernel_error"] for row in of("drawn")]
    right.plot(values, error, color=colour, marker=plotting.MARKERS[index % 6], ms=3.5)
  guide = [error[0] * (values[0] / value) ** 0.5 for value in values]
  right.plot(values, guide, color=plotting.GREY, lw=0.7, ls="--", label="1/√width")
  right.set_yscale("log")
  right.set_yticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
  right.minorticks_off()
  right.legend()
  for axes in (left, right):
    axes.set_xscale("log", base=2)
    axes.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
    axes.set_xlabel("width of both hidden layers")
  left.set_ylabel("weighted tau")
  right.set_ylabel("relative error of the kernel")
  left.legend(loc="best")
  plotting.title(picture, _title(rows))
  picture.caption = (
    f"Left: mean of {HEADS} single heads; thick: least and most of them; band: 95 %"
    " bootstrap over networks; dotted: rates expected over all heads of the width. Right:"
    " distance (Frobenius) of a head's kernel of one class to the closed form of wide"
    " heads, mean over heads and networks. Rates grow with the width: t reaches further."
    " The paper: ranking improves with the width."
  )
  return picture


def _title(rows: list[dict[str, Any]]) -> str:
  dataset = rankings.datasets_of(rows)[-1]
  own = [
    row
    for row in rows
    if (row["dataset"], row["rates"]) == (dataset, "drawn") and row["method"] != _START
  ]
  tau = lambda row: plotting.signed(row["tau"], 2)
  return (
    f"From width {own[0]['value']:g} to {own[-1]['value']:g}"
    f" {rankings.on(dataset)}: tau {tau(own[0])} to {tau(own[-1])}, the kernel's error"
    f" {own[0]['kernel_error']:.2f} to {own[-1]['kernel_error']:.2f}"
  )
