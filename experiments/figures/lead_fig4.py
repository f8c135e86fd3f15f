"""LEAD, Fig. 4: gain in weighted tau over the initial logits, against t and against S.

The gain is to the same zoo ranked by LEAD at t = 0, its initial logits alone. Against S,
each draw has one head and samples of its own: what S samples give, not what more heads
make up for.
"""

from typing import Any

from experiments.figures import lead_parts, rankings
from experiments.figures.material import Material
from lead_jax.assessment import plotting

TIMES = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_START = "t = 0"


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns weighted tau and its gain by data set, panel and value."""
  times: dict[str, dict[str, list[float]]] = {}
  for dataset in material.datasets:
    log_init = lead_parts.starts(material, dataset)
    own = lead_parts.all_rates(material, dataset)
    for t in (0.0, *TIMES):
      found = lead_parts.scores(log_init, dataset.labels, own, t)
      times.setdefault(f"t = {t:g}", {})[dataset.name] = found
  about = {f"t = {t:g}": {"panel": "t", "value": t} for t in (0.0, *TIMES)}
  rows = rankings.ranking_rows(
    [lead_parts.tabulate(material, times)], about, reference=_START, seed=material.seed
  )
  tables = [
    lead_parts.tabulate(material, {_START: times[_START], **_sizes(material, draw)})
    for draw in range(lead_parts.PAPER.head_seeds)
  ]
  about = {f"S = {size}": {"panel": "S", "value": size} for size in SIZES}
  more = rankings.ranking_rows(tables, about, reference=_START, seed=material.seed)
  return rows + [row for row in more if row["method"] != _START]


def _sizes(material: Material, draw: int) -> dict[str, dict[str, list[float]]]:
  """Scores at t = 1 by S and data set, from one head and one draw of samples."""
  found: dict[str, dict[str, list[float]]] = {}
  for dataset in material.datasets:
    diagonal = lead_parts.diagonals(material, dataset)[:, draw]
    classes = len(dataset.class_names)
    for size in SIZES:
      seed = material.seed + draw
      picked = lead_parts.chosen(dataset.labels, classes, size, seed)
      own = lead_parts.rates_of(diagonal, *picked, classes)
      log_init = lead_parts.starts(material, dataset)
      scores = lead_parts.scores(log_init, dataset.labels, own, lead_parts.PAPER.t)
      found.setdefault(f"S = {size}", {})[dataset.name] = scores
  return found


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws gains with their intervals."""
  picture = plotting.new_figure(2.9)
  left, right = picture.subplots(1, 2, sharey=True)
  for axes, panel in ((left, "t"), (right, "S")):
    datasets = rankings.datasets_of(rows)
    for index, dataset in enumerate(datasets):
      line = [
        row
        for row in rows
        if (row["dataset"], row["panel"]) == (dataset, panel) and row["value"] > 0
      ]
      last = dataset == datasets[-1]
      rankings.draw_line(axes, line, index, dataset, y="gain", band=last)
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
    "Band: 95 % of the paired bootstrap over networks, of the mean where there are several"
    " data sets. Dotted: the paper's choice (t = 1,"
    f" S = 64). Left: mean rates of {lead_parts.PAPER.head_seeds} heads; right: one head"
    f" and other samples in each of {lead_parts.PAPER.head_seeds} draws, their mean. The"
    " paper: the gain grows with t up to 1 and is lost at 10, and grows with S."
  )
  return picture


def _title(rows: list[dict[str, Any]]) -> str:
  name = rankings.datasets_of(rows)[-1]
  here = [row for row in rows if row["dataset"] == name and row["panel"] == "t"]
  best = max(here, key=lambda row: row["gain"])
  at_one = next(row for row in here if row["value"] == 1)
  gain = lambda row: plotting.signed(row["gain"], 2, plus=True)
  return (
    f"At t = 1 LEAD gains {gain(at_one)} in tau over its initial logits"
    f" {rankings.on(name)}; at most {gain(best)}, at t = {best['value']:g}"
  )
