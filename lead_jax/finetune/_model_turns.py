"""One model at a time, its runs shared with whoever else works in the same folder."""

import importlib.metadata
from collections.abc import Callable, Sequence
from typing import Any

from lead_jax.backbones import Backbone, ModelSpec, doubting_input
from lead_jax.checks import InputError, reason
from lead_jax.data import ResizedCache
from lead_jax.finetune._grid import Outcome, finetune
from lead_jax.finetune._one_run import Listener
from lead_jax.finetune._protocol import Protocol
from lead_jax.finetune._task import Target
from lead_jax.system import Claims, environment


class ModelTurns:
  """Fine-tunes models, each run under a claim; see `system.Shared`.

  Attributes:
    outcomes: By model, what it gave, once all of its runs are there.
    worked_on: Models of which this process did a run.
  """

  def __init__(
    self,
    models: Sequence[ModelSpec],
    target: Target,
    protocol: Protocol,
    claims: Claims,
    listener: Listener,
    *,
    allowed: Callable[[str, str], object],
    ended: Callable[[Outcome, str], object] = lambda outcome, weights: None,
  ):
    """Takes what all models share.

    Args:
      models: Not yet loaded.
      target: The data set.
      protocol: How, and what to try.
      claims: In the folder above the runs'.
      listener: Told of progress.
      allowed: Told name and weights of each model; raises where it must not be done.
      ended: Told each outcome, and the weights that it is of.
    """
    self.outcomes: dict[str, Outcome] = {}
    self.worked_on: set[str] = set()
    self._specs = {spec.name: spec for spec in models}
    self._target, self._protocol = target, protocol
    self._claims, self._listener = claims, listener
    self._allowed, self._ended = allowed, ended
    self._elsewhere: dict[str, Sequence[str]] = {}
    self._cache, self._facts = ResizedCache(), _facts()

  def is_new(self, model: str) -> bool:
    """Returns whether it is not known here what a model gives."""
    return model not in self.outcomes

  def is_done(self, model: str) -> bool:
    """Returns whether a model's accuracy is known here."""
    return not self.is_new(model) and self.outcomes[model].status == "ok"

  def take(self, model: str) -> bool:
    """Does all runs of a model that nobody is at; returns whether it has them all."""
    keys = self._elsewhere.get(model, ())
    if keys and all(self._claims.is_taken(key) for key in keys):
      return False  # nothing has changed since it was loaded last
    self._listener.model(list(self._specs).index(model), len(self._specs), model)
    weights = ""
    try:
      backbone = _load(self._specs[model], self._listener)
      weights = backbone.weights_hash
      self._allowed(model, weights)
      outcome = finetune(
        backbone,
        self._target,
        self._protocol,
        folder=self._claims.folder.parent,
        listener=self._listener,
        cache=self._cache,
        facts=self._facts,
        claims=self._claims,
      )
    # A model from a stranger's file may fail in any way; the others go on.
    except Exception as error:
      outcome = Outcome(model, self._target.name, reason(error, "fine-tuning"))
    self._elsewhere[model] = outcome.elsewhere
    if any(not run["earlier"] for run in outcome.runs):
      self.worked_on.add(model)
    if outcome.elsewhere:
      return False
    self.outcomes[model] = outcome
    if outcome.status != "ok":
      self._listener.warned(f"{model}: {outcome.status}")
    self._ended(outcome, weights)
    return True

  def is_moving(self, model: str) -> bool:
    """Returns whether all who are at runs of a model have shown that they live."""
    moving = [self._claims.is_moving(key) for key in self._elsewhere.get(model, ())]
    return bool(moving) and all(moving)

  def waiting(self, model: str) -> None:
    """Says that other processes are at a model, and one of them."""
    owners = (self._claims.owner(key) for key in self._elsewhere.get(model, ()))
    self._listener.waiting(model, next(filter(None, owners), ""))


def _load(spec: ModelSpec, listener: Listener) -> Backbone:
  if spec.fetch is not None:
    spec.fetch(listener.fetching)
  loaded = doubting_input(spec, listener.warned).load()
  if not isinstance(loaded, Backbone):
    raise InputError("it is a file of features: there is no model to fine-tune")
  return loaded


def _facts() -> dict[str, Any]:
  """Versions, device and time, as every run keeps them."""
  found = environment()
  for package in ("optax", "orbax-checkpoint"):
    found["versions"][package] = importlib.metadata.version(package)
  return found
