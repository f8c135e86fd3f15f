"""One model at a time, and none that another process is at."""

import dataclasses

from lead_jax.results import FAILED, PENDING, Listener
from lead_jax.run._tasks import Desk, tasks_of
from lead_jax.system import Claims, content_key


@dataclasses.dataclass(frozen=True)
class Turns:
  """Works models of a plan off, each under a claim; see `system.Shared`.

  Claims are on a model and a data set, so that runs by other metrics wait for features
  that are being extracted, too.

  Attributes:
    desk: Of the plan.
    claims: Beside the store.
    listener: Told of progress.
  """

  desk: Desk
  claims: Claims
  listener: Listener

  def is_new(self, model: str) -> bool:
    """Returns whether the store says nothing of a model yet."""
    return self.desk.records.status(model) == PENDING

  def is_done(self, model: str) -> bool:
    """Returns whether the store has all that the plan asks of a model."""
    return self.desk.records.status(model) == "ok"

  def has_failed(self, model: str) -> bool:
    """Returns whether the store says why there is nothing of a model."""
    return self.desk.records.status(model).startswith(FAILED)

  def take(self, model: str) -> bool:
    """Works a model off, unless a living process is at it; returns whether it did.

    What is done already is gone through without a claim: nothing of it is computed.
    """
    if self.is_done(model):
      self._work(model)
      return True
    with self.claims.holding(self.key(model)) as mine:
      if mine:
        self._work(model)
    return mine

  def is_moving(self, model: str) -> bool:
    """Returns whether a process is at a model that has shown that it lives."""
    return self.claims.is_moving(self.key(model))

  def waiting(self, model: str) -> None:
    """Says that another process is at a model, and which."""
    self.listener.waiting(model, self.claims.owner(self.key(model)))

  def key(self, model: str) -> str:
    """Returns what a model is claimed by."""
    plan = self.desk.plan
    return content_key(
      claim=model, dataset=plan.dataset.get("fingerprint"), precision=plan.precision
    )

  def _work(self, model: str) -> None:
    self.listener.started(list(self.desk.plan.models).index(model), model)
    for task in tasks_of(self.desk.plan, model):
      task.run(self.desk)
    found = self.desk.records.of(model)
    self.listener.finished(found.row, found.scores)
