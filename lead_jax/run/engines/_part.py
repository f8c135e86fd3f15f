"""A part of a plan, its share of the work dealt by predicted cost; then what nobody is at.

Whoever launches the parts (a SLURM array, a Kubernetes job, eight terminals) tells each
its number, and nothing else: all parts make the same deal of the same plan, none looks at
what the others have done for it.
"""

import dataclasses
import heapq
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lead_jax.checks import InputError
from lead_jax.results import PENDING
from lead_jax.run.engines._turns import Turns


@dataclasses.dataclass(frozen=True)
class Part:
  """One of several parts of a run.

  Attributes:
    number: Which; from 1.
    count: Of how many.
  """

  number: int
  count: int

  def __str__(self) -> str:
    return f"{self.number}/{self.count}"


class Worked(NamedTuple):
  """What one call of `work` has done.

  Attributes:
    done: Models that it worked off, in this order; those that failed among them.
    failed: Those that failed.
    elsewhere: Models that living processes were at when it ended; the report is not whole
      before they end, too.
  """

  done: Sequence[str]
  failed: Sequence[str]
  elsewhere: Sequence[str] = ()


def part_of(shard: tuple[int, int]) -> Part:
  """Returns a part, by its number and how many there are.

  Raises:
    InputError: If there is no such part.
  """
  number, count = shard
  if not 1 <= number <= count:
    raise InputError(
      f"shard {number}/{count}: parts are numbered from 1 to their count, 1/{count} to "
      f"{count}/{count}"
      if count > 0
      else f"shard {number}/{count}: there must be at least one part"
    )
  return Part(number, count)


def deal(costs: Mapping[str, float], count: int) -> list[list[str]]:
  """Deals models so that all parts cost about the same.

  The largest first, each to the part that has least so far (longest processing time
  first: no part costs more than 4/3 of what the best deal has). Of equal costs the order
  of `costs` decides, of equal parts the first, so that the deal depends on nothing else.

  Args:
    costs: By model, what it is predicted to cost.
    count: Parts.

  Returns:
    By part, its models, the largest first.
  """
  parts: list[list[str]] = [[] for _ in range(count)]
  least = [(0.0, i) for i in range(count)]
  for model in sorted(costs, key=lambda model: -costs[model]):
    cost, i = heapq.heappop(least)
    parts[i].append(model)
    heapq.heappush(least, (cost + costs[model], i))
  return parts


def work_part(turns: Turns, part: Part, costs: Mapping[str, float]) -> Worked:
  """Works off one part; then models of other parts that nobody has begun.

  So a part whose worker died, or has not been started, is done by the others, and what is
  left at the end takes no longer than one model. What a living process is at is left to it.

  Args:
    turns: Of the plan.
    part: Which.
    costs: By model, what it is predicted to cost; the same wherever the plan is made.
  """
  own = deal(costs, part.count)[part.number - 1]
  turns.listener.dealt(part.number, part.count, own)
  others = sorted(
    (model for model in costs if model not in own), key=lambda model: -costs[model]
  )
  done = [model for model in own if turns.status(model) != "ok" and turns.take(model)]
  for model in others:
    if turns.status(model) == PENDING and turns.take(model):
      done.append(model)
  left = [model for model in costs if turns.status(model) == PENDING]
  elsewhere: list[str] = []
  looks = 0
  while left:
    # A process of another machine has to show that it lives before it is relied on.
    living = [model for model in left if turns.claims.is_moving(turns.key(model))]
    elsewhere += living
    left = [m for m in left if m not in living and turns.status(m) == PENDING]
    now = [model for model in left if turns.take(model)]
    done += now
    left = [model for model in left if model not in now]
    looks = 0 if now else looks + 1
    if left:
      turns.wait(left[0], looks)
  elsewhere = [model for model in elsewhere if turns.status(model) == PENDING]
  return Worked(done, turns.failed(done), elsewhere)
