"""What each of LEAD's tables is made of: zoos, data sets, methods and measures."""

import dataclasses
from collections.abc import Mapping

from lead_jax import literature

# Names of methods in the papers -> metrics here, in the papers' order.
METRICS: Mapping[str, str] = {
  "PARC": "parc",
  "LogME": "logme",
  "NLEEP": "nleep",
  "PACTran": "pactran_gauss",
  "SFDA": "sfda",
  "GBC": "gbc",
  "ETran": "etran",
  "PED": "ped_sfda",
  "LEAD": "lead",
}
# What the papers do not have: our form of LEAD, and what no comparison should be without.
BESIDE = ("lead_held_out", "linear_probe")

# Of the two zoos, the table with their accuracies after fine-tuning.
TRUTH = {"supervised": "6", "self-supervised": "7"}

SECONDS = "seconds"


@dataclasses.dataclass(frozen=True)
class Table:
  """A table of results.

  Attributes:
    number: As in the paper.
    title: One line.
    zoos: One or both of the papers'.
    datasets: By their names in the papers.
    methods: Papers' names of those that the table has.
    measures: Names of what is measured of a ranking; `seconds` is none of them.
    per_class: Samples a class of each column group; none for whole data sets.
  """

  number: str
  title: str
  zoos: tuple[str, ...]
  datasets: tuple[str, ...]
  methods: tuple[str, ...]
  measures: tuple[str, ...] = ("weighted_kendall",)
  per_class: tuple[int, ...] = ()

  @property
  def metrics(self) -> list[str]:
    """Names of the metrics that are run, those beside the papers' last."""
    return [*(METRICS[method] for method in self.methods), *BESIDE]


def _datasets(number: str) -> tuple[str, ...]:
  return tuple(dict.fromkeys(c.dataset for c in literature.published_results(number)))


def _methods(number: str) -> tuple[str, ...]:
  named = {cell.method for cell in literature.published_results(number)}
  return tuple(method for method in METRICS if method in named)


def _measures(number: str) -> tuple[str, ...]:
  return tuple(dict.fromkeys(c.measure for c in literature.published_results(number)))


def _tables() -> dict[str, Table]:
  ten = _datasets("1")
  return {
    "1": Table(
      "1",
      "weighted Kendall tau on 12 supervised networks",
      ("supervised",),
      ten,
      _methods("1"),
    ),
    "2": Table(
      "2",
      "weighted Kendall tau on 12 self-supervised networks",
      ("self-supervised",),
      ten,
      _methods("2"),
    ),
    "3": Table(
      "3",
      "weighted Kendall tau of few samples a class",
      ("supervised", "self-supervised"),
      ten,
      _methods("3"),
      per_class=(2, 5, 10),
    ),
    "4": Table(
      "4",
      "running time on CIFAR10, seconds a network without feature extraction",
      ("self-supervised",),
      ("CIFAR10",),
      _methods("4"),
      measures=(SECONDS,),
    ),
    "5": Table(
      "5",
      "other measures on the self-supervised networks",
      ("self-supervised",),
      _datasets("5"),
      _methods("5"),
      measures=_measures("5"),
    ),
  }


TABLES: Mapping[str, Table] = _tables()
