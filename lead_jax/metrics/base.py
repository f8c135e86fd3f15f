"""What a metric is to the rest of the program.

A metric is a function of a `Problem` (one model's features and the labels) to a `Value`.
It is called outside `jit` and composes jitted pieces; pieces that several metrics of one
model need (an SVM, a LEAD result) are computed once, kept by the problem.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from lead_jax import inputs
from lead_jax.lead import Network
from lead_jax.typing import Array, ArrayLike

T = TypeVar("T")

OK = "ok"


class Problem:
  """One model's features with the labels, checked, and what was computed from them.

  Attributes:
    features: float[N, D].
    labels: int32[N], ids in `[0, K)`.
    class_names: K names.
    network: The backbone, for metrics that differentiate it; None where there is none.
    key: Source of all randomness; the same for every model, so that models are compared
      under the same draws.
  """

  def __init__(
    self,
    features: ArrayLike,
    labels: ArrayLike,
    *,
    seed: int = 0,
    network: Network | None = None,
    class_names: Sequence[str] | None = None,
  ):
    """Checks features and labels; raises `InputError` for what cannot be scored.

    Args:
      features: float[N, D].
      labels: [N].
      seed: Of `key`.
      network: See above.
      class_names: What people call the labels where these are ids.
    """
    checked = inputs.check(features, labels)
    self.features = jax.numpy.asarray(checked.features)
    self.labels = jax.numpy.asarray(checked.labels)
    self.class_names = checked.class_names
    if class_names is not None:
      self.class_names = tuple(class_names[int(name)] for name in checked.class_names)
    self.network = network
    self.key: Array = jax.random.key(seed)
    self._kept: dict[Any, Any] = {}

  @property
  def num_classes(self) -> int:
    return len(self.class_names)

  def smallest_class(self) -> tuple[str, int]:
    """Returns the name and size of the smallest class."""
    counts = np.bincount(self.labels, minlength=self.num_classes)
    smallest = int(np.argmin(counts))
    return self.class_names[smallest], int(counts[smallest])

  def once(self, what: Any, compute: Callable[[], T]) -> T:
    """Returns `compute()`, computed the first time that `what` is asked for."""
    if what not in self._kept:
      self._kept[what] = compute()
    return self._kept[what]


class Value(NamedTuple):
  """A metric's answer.

  Attributes:
    score: Larger is better.
    status: `ok`, or what a reader must know before trusting the score.
    details: Further numbers, JSON values.
  """

  score: float
  status: str = OK
  details: Mapping[str, Any] = {}


@dataclasses.dataclass(frozen=True)
class Metric:
  """An entry of the table of metrics.

  Attributes:
    function: `(problem, **options) -> Value`.
    description: One line for people.
    unit: Of the score.
    options: Names of the options that the function takes.
    check: Called with the options before any work; raises `ValueError` for bad ones.
    random: Whether the score depends on the seed.
  """

  function: Callable[..., Value]
  description: str
  unit: str
  check: Callable[..., object]
  options: tuple[str, ...] = ()
  random: bool = False
