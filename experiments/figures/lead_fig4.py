"""LEAD, Fig. 4: gain in weighted tau over the initial logits, against t and against S.

The gain is to the same zoo ranked by LEAD at t = 0, its initial logits alone. Samples of a
class and heads are drawn anew in each of a few draws.
"""

from typing import Any

from experiments import plotting
from experiments.figures import rankings
from experiments.figures.material import Material

TIMES = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
DRAWS = 3
_START = "t = 0"


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns weighted tau and its gain by data set, panel and value."""
  start = {_START: ("log_init", {})}
  times = {f"t = {t:g}": ("lead", {"t": t}) for t in TIMES}
  about = {f"t = {t:g}": {"panel": "t", "value": t} for t in TIMES}
  about[_START] = {"panel": "t", "value": 0.0}
  rows = rankings.measured(material, start | times, about, reference=_START)
  # One head a draw: what S samples give, not what more heads make up for.
  options = lambda s: {"samples_per_class": s, "head_seeds": 1}
  sizes = {f"S = {s}": ("lead", options(s)) for s in SIZES}
  about = {f"S = {s}": {"panel": "S", "value": s} for s in SIZES}
  more = rankings.measured(
    material, start | sizes, about, reference=_START, draws=DRAWS
  )
  return rows + [row for row in more if row["method"] != _START]


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws gains with their intervals."""
  picture = plotting.new_figure(2.9)
  left, right = picture.subplots(1, 2, sharey=True)
  for axes, panel in ((left, "t"), (right, "S")):
    for index, dataset in enumerate(rankings.datasets_of(rows)):
      line = [
        row
        for row in rows
        if (row["dataset"], row["panel"]) == (dataset, panel) and row["value"] > 0
      ]
      rankings.draw_line(axes, line, index, dataset, y="gain")
    axes.axhline(0, color=plotting.BLACK, lw=0.6)
    axes.set_xscale("log")
  left.set_xlabel("time t")
  right.set_xlabel("samples of a class, S")
  right.set_xscale("log", base=2)
  right.set_xticks(SIZES, [str(size) for size in SIZES])
  left.set_ylabel("gain in weighted tau over t = 0")
  left.axvline(1, color=plotting.GREY, lw=0.6, ls=":")
  right.axvline(64, color=plotting.GREY, lw=0.6, ls=":")
  left.legend(loc="best")
  plotting.title(picture, _title(rows))
  picture.caption = (
    "Bands: 95 % of the paired bootstrap over networks. Dotted: the paper's choice (t = 1,"
    f" S = 64). Right: one head, mean of {DRAWS} draws of samples and heads."
  )
  return picture


def _title(rows: list[dict[str, Any]]) -> str:
  name = rankings.datasets_of(rows)[-1]
  here = [row for row in rows if row["dataset"] == name and row["panel"] == "t"]
  best = max(here, key=lambda row: row["gain"])
  at_one = next(row for row in here if row["value"] == 1)
  on = "in the mean over data sets" if name == rankings.MEAN else f"on {name}"
  return (
    f"At t = 1 LEAD gains {at_one['gain']:+.2f} in tau over its initial logits {on};"
    f" at most {best['gain']:+.2f}, at t = {best['value']:g}"
  )
