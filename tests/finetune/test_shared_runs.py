"""Several processes that fine-tune in one folder: each run is done once."""

import contextlib
import functools
import os
from concurrent import futures

import pytest

from lead_jax.backbones import ModelSpec
from lead_jax.checks import InputError
from lead_jax.finetune import Listener, finetune_models, finetune_part
from lead_jax.finetune._grid import run_key
from lead_jax.finetune._one_run import Setting
from lead_jax.system import Claims
from tests.finetune.small import network, protocol, target

PROTOCOL = protocol(epochs=1, learning_rates=(0.01, 0.02), seeds=2)
MODELS = [
  ModelSpec(name, functools.partial(network, name, i)) for i, name in enumerate("ab")
]
# Two settings by two seeds are compared, and the better one is trained for two seeds.
RUNS = 2 * (2 * 2 + 2)


class Counting(Listener):
  def __init__(self, then=lambda: None):
    self.runs, self.heard, self.then = [], [], then

  def started(self, what, total):
    self.runs.append(what)

  def waiting(self, model, owner):
    self.heard.append((model, owner))
    self.then()


def _options(folder, listener):
  runs = folder / "out" / "checkpoints"
  return {
    "out": folder / "out",
    "checkpoint_dir": runs,
    "overwrite": False,
    "listener": listener,
  }


def test_parts_at_once_then_the_whole(tmp_path):
  together, alone = tmp_path / "together", tmp_path / "alone"
  listeners = [Counting() for _ in range(3)]

  def part(number):
    options = _options(together, listeners[number - 1])
    return finetune_part(MODELS, target(), PROTOCOL, shard=(number, 3), **options)

  with futures.ThreadPoolExecutor(3) as pool:
    worked = list(pool.map(part, (1, 2, 3)))
  assert sum(len(listener.runs) for listener in listeners) == RUNS
  assert {model for one in worked for model in [*one.done, *one.elsewhere]} == {
    "a",
    "b",
  }
  assert [path.name for path in (together / "out").iterdir()] == ["checkpoints"]
  assert not list((together / "out" / "checkpoints" / ".claims").iterdir())
  last, first = Counting(), Counting()
  found = finetune_models(MODELS, target(), PROTOCOL, **_options(together, last))
  expected = finetune_models(MODELS, target(), PROTOCOL, **_options(alone, first))
  assert len(last.runs) == 0
  assert len(first.runs) == RUNS
  assert [one.accuracy for one in found] == [one.accuracy for one in expected]
  phases = [[run["phase"] for run in one.runs] for one in found]
  assert phases == [["selection"] * 4 + ["final"] * 2] * 2
  keys = [[run["key"] for run in one.runs] for one in found]
  assert keys == [[run["key"] for run in one.runs] for one in expected]


@pytest.fixture
def at_one(tmp_path):
  """Another process is at one run of the first model, until this is closed."""
  key = run_key(
    network("a", 0), target(), PROTOCOL, Setting(0.01, 1e-4, 1), final=False
  )
  with contextlib.ExitStack() as other:
    claims = other.enter_context(Claims(tmp_path / "out" / "checkpoints" / ".claims"))
    other.enter_context(claims.holding(key))
    yield other


def test_a_part_leaves_what_another_is_at(tmp_path, at_one):
  told = Counting()
  worked = finetune_part(
    MODELS, target(), PROTOCOL, shard=(1, 1), **_options(tmp_path, told)
  )
  assert worked == (["b"], [], ["a"])
  assert len(told.runs) == RUNS - 1 - 2  # that one, and those that need it


def test_the_whole_waits_for_what_another_is_at(tmp_path, at_one):
  told = Counting(at_one.close)
  found = finetune_models(MODELS, target(), PROTOCOL, **_options(tmp_path, told))
  assert told.heard == [("a", f"{os.uname().nodename}:{os.getpid()}")]
  assert [(one.model, one.status) for one in found] == [("a", "ok"), ("b", "ok")]
  assert len(told.runs) == RUNS


def test_what_fails_and_what_is_wrong(tmp_path):
  def broken():
    raise InputError("no weights")

  options = _options(tmp_path, Counting())
  models = [ModelSpec("a", broken)]
  worked = finetune_part(models, target(), PROTOCOL, shard=(1, 2), **options)
  assert worked == (["a"], ["a"], [])
  with pytest.raises(InputError, match="parts are numbered from 1"):
    finetune_part(models, target(), PROTOCOL, shard=(3, 2), **options)
