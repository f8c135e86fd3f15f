"""Work that several processes share: dealt in parts by cost, none done by two at once.

Whoever launches the parts (a SLURM array, a Kubernetes job, eight terminals) tells each
its number, and nothing else: all parts make the same deal of the same work, none looks at
what the others have done for it.
"""

import dataclasses
import heapq
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from lead_jax.checks import InputError
from lead_jax.system._claims import wait_a_moment


class Shared(Protocol):
  """Pieces of work, by their names."""

  def is_new(self, name: str) -> bool:
    """Returns whether nobody has ended it yet, well or badly."""

  def is_done(self, name: str) -> bool:
    """Returns whether somebody has ended it well."""

  def take(self, name: str) -> bool:
    """Does it, unless a living process is at it; returns whether it is ended now."""

  def is_moving(self, name: str) -> bool:
    """Returns whether a process is at it that has shown that it lives."""

  def waiting(self, name: str) -> None:
    """Says that another process is at it and is waited for."""


@dataclasses.dataclass(frozen=True)
class Part:
  """One of several parts of a run.

  Attributes:
    number: Which; from 1.
    count: Of how many.
  """

  number: int
  count: int


class Worked(NamedTuple):
  """What one process has done of work that may be shared.

  Attributes:
    done: Models that it worked off, in this order; those that failed among them.
    failed: Those that failed.
    elsewhere: Models that living processes were at when it ended.
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
  if count < 1:
    raise InputError(f"shard {number}/{count}: there must be at least one part")
  if not 1 <= number <= count:
    raise InputError(
      f"shard {number}/{count}: parts are numbered from 1 to their count, 1/{count} to "
      f"{count}/{count}"
    )
  return Part(number, count)


def deal(costs: Mapping[str, float], count: int) -> list[list[str]]:
  """Deals work so that all parts cost about the same.

  The largest first, each to the part that has least so far (longest processing time
  first: no part costs more than 4/3 of what the best deal has). Of equal costs the order
  of `costs` decides, of equal parts the first: the deal depends on nothing else.

  Args:
    costs: By name, what it is predicted to cost.
    count: Parts.

  Returns:
    By part, its names, the largest first.
  """
  parts: list[list[str]] = [[] for _ in range(count)]
  least = [(0.0, i) for i in range(count)]
  for name in sorted(costs, key=lambda name: -costs[name]):
    cost, i = heapq.heappop(least)
    parts[i].append(name)
    heapq.heappush(least, (cost + costs[name], i))
  return parts


def work_all(work: Shared, names: Sequence[str]) -> list[str]:
  """Ends all work.

  What another process is at is left to it and comes last: then its results are found.
  Where that process dies, this one does it.

  Args:
    work: What is done.
    names: In the order in which it is best done.

  Returns:
    The names, in the order in which they were ended.
  """
  done: list[str] = []
  looks = 0
  while left := [name for name in names if name not in done]:
    now = [name for name in left if work.take(name)]
    done += now
    looks = 0 if now else looks + 1
    if looks:
      work.waiting(left[0])
      wait_a_moment(looks)
  return done


def work_part(
  work: Shared, part: Part, costs: Mapping[str, float]
) -> tuple[list[str], list[str]]:
  """Does one part; then what nobody has begun of the others.

  So a part whose worker died, or has not been started, is done by the others, and what is
  left at the end takes no longer than one piece. What a living process is at is left to
  it. What has failed is tried again by its own part alone.

  Args:
    work: What is done.
    part: Which.
    costs: By name, what it is predicted to cost; the same for all parts.

  Returns:
    The names of what it ended, and of what others were still at.
  """
  own = deal(costs, part.count)[part.number - 1]
  others = sorted((n for n in costs if n not in own), key=lambda name: -costs[name])
  done = [name for name in own if not work.is_done(name) and work.take(name)]
  for name in others:
    if work.is_new(name) and work.take(name):
      done.append(name)
  elsewhere: list[str] = []
  left = [name for name in costs if work.is_new(name)]
  looks = 0
  while left:
    # A process of another machine has to show that it lives before it is relied on.
    living = [name for name in left if work.is_moving(name)]
    elsewhere += living
    left = [name for name in left if name not in living and work.is_new(name)]
    now = [name for name in left if work.take(name)]
    done += now
    left = [name for name in left if name not in now]
    looks = 0 if now else looks + 1
    if left:
      work.waiting(left[0])
      wait_a_moment(looks)
  return done, [name for name in elsewhere if work.is_new(name)]
