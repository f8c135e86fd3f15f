"""LEAD, Fig. 7: initial logits of SVM, LDA and GMM, with and without evolution."""

from typing import Any, get_args

from experiments.figures import lead_parts, rankings
from experiments.figures.material import Material
from lead_jax.assessment import plotting
from lead_jax.logits import Classifier

CLASSIFIERS: tuple[Classifier, ...] = get_args(Classifier)
_NAMES = {"svm": "SVM", "lda": "LDA", "gmm": "GMM"}


def measure(material: Material) -> list[dict[str, Any]]:
  """Returns weighted tau by data set, classifier and time (0 or 1)."""
  rows = []
  for classifier in CLASSIFIERS:
    found: dict[str, dict[str, list[float]]] = {}
    for dataset in material.datasets:
      log_init = lead_parts.starts(material, dataset, classifier)
      own = lead_parts.all_rates(material, dataset)
      for t in (0.0, lead_parts.PAPER.t):
        scores = lead_parts.scores(log_init, dataset.labels, own, t)
        found.setdefault(f"t = {t:g}", {})[dataset.name] = scores
    about = {
      name: {"classifier": classifier, "t": float(name.removeprefix("t = "))}
      for name in found
    }
    table = lead_parts.tabulate(material, found)
    rows += rankings.ranking_rows([table], about, reference="t = 0", seed=material.seed)
  return rows


def figure(rows: list[dict[str, Any]], material: Material) -> Any:
  """Draws both taus of each classifier, joined by an arrow, a panel a data set."""
  datasets = rankings.datasets_of(rows)
  picture = plotting.new_figure(2.7)
  panels = picture.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
  for axes, dataset in zip(panels, datasets, strict=True):
    for x, classifier in enumerate(CLASSIFIERS):
      for shift, t in ((-0.16, 0.0), (0.16, 1.0)):
        row = next(
          row
          for row in rows
          if (row["dataset"], row["classifier"], row["t"]) == (dataset, classifier, t)
        )
        colour = plotting.ORANGE if t == 0 else plotting.VERMILION
        label = (
          ("initial logits (t = 0)" if t == 0 else "LEAD (t = 1)") if x == 0 else None
        )
        axes.bar(x + shift, row["tau"], 0.3, color=colour, label=label)
        axes.plot([x + shift] * 2, [row["low"], row["high"]], color="black", lw=0.7)
    axes.set_xticks(range(len(CLASSIFIERS)), [_NAMES[c] for c in CLASSIFIERS])
    axes.axhline(0, color=plotting.BLACK, lw=0.6)
    axes.set_title(dataset)
  panels[0].set_ylabel("weighted tau")
  plotting.legend_under(picture, panels[0], columns=2)
  plotting.title(picture, _title(rows))
  picture.caption = (
    "Lines: 95 % bootstrap over networks. The gain by evolution and its paired interval are"
    " in the CSV. The paper: whatever the classifier, its logits alone rank badly and LEAD"
    " lifts them above all earlier methods."
  )
  return picture


def _title(rows: list[dict[str, Any]]) -> str:
  dataset = rankings.datasets_of(rows)[-1]
  gains = [
    f"{_NAMES[row['classifier']]} {plotting.signed(row['gain'], 2, plus=True)}"
    for row in rows
    if row["dataset"] == dataset and row["t"] > 0
  ]
  return f"Evolution moves tau {rankings.on(dataset)} by: {', '.join(gains)}"
