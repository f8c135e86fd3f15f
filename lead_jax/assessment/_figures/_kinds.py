"""How the kinds of methods are drawn in all figures of an evaluation."""

from typing import NamedTuple, Protocol

from lead_jax.assessment import plotting
from lead_jax.assessment._method_summary import RANDOM, Row, Summary


class Kind(NamedTuple):
  """How a kind of method is drawn.

  Attributes:
    label: In a legend.
    colour: Of points and names.
    marker: Of points.
  """

  label: str
  colour: str
  marker: str


LEAD = Kind("LEAD family", plotting.VERMILION, "D")
METRIC = Kind("other metrics", plotting.BLUE, "o")
STATIC = Kind("never looks at the data", plotting.BLACK, "s")
CHANCE = Kind("chance", plotting.GREY, "x")
KINDS = (LEAD, METRIC, STATIC)


class Method(Protocol):
  """What says how a method is drawn."""

  @property
  def method(self) -> str: ...

  @property
  def kind(self) -> str: ...


def kind_of(row: Method) -> Kind:
  """Returns how a method is drawn."""
  if row.kind == "static":
    return STATIC
  if row.kind == "chance":
    return CHANCE
  return LEAD if row.method.startswith("lead") else METRIC


def ranked_with_chance(summary: Summary) -> list[Row]:
  """Returns the methods that have a mean, and `random` among them, the best first."""
  return [row for row in summary.rows if row.place is not None or row.method == RANDOM]
