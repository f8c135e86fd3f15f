"""Parts of a plan: the deal, what a part does, several processes on one store."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import types
from concurrent import futures

import pytest

import lead_jax
from lead_jax.backbones import ModelSpec, Stated, predicted_costs
from lead_jax.checks import InputError
from lead_jax.run import _working
from lead_jax.run.engines import Turns
from lead_jax.system import Claims, _claims, deal
from tests.run.small_models import tiny_backbone, tiny_spec

METRICS = ["knn", "feature_norm"]
NAMES = "abcdef"


def _plan(digits, calls=None, **options):
  models = [tiny_spec(name, ord(name), calls) for name in NAMES]
  return lead_jax.plan(digits, models, METRICS, resamples=0, **options)


def test_the_deal_is_by_cost_and_whole():
  costs = {"a": 1.0, "b": 7.0, "c": 3.0, "d": 3.0, "e": 2.0}
  assert deal(costs, 1) == [["b", "c", "d", "e", "a"]]
  assert deal(costs, 2) == [["b", "a"], ["c", "d", "e"]]
  assert deal(costs, 3) == [["b"], ["c", "e"], ["d", "a"]]
  assert deal({"a": 1.0}, 3) == [["a"], [], []]
  assert deal(dict.fromkeys("abcd", 1.0), 2) == [["a", "c"], ["b", "d"]]


@pytest.mark.parametrize("shard", [(0, 2), (3, 2), (1, 0), (-1, -1)])
def test_there_is_no_such_part(digits, tmp_path, shard):
  plan, store = _plan(digits), lead_jax.open_store(tmp_path)
  with pytest.raises(InputError, match="shard"):
    lead_jax.work(plan, store, shard=shard)


def test_costs_are_predicted_from_what_is_stated(digits):
  def spec(name, **stated):
    return ModelSpec(name, lambda: tiny_backbone(name, 1), stated=Stated(**stated))

  at = 224 * 224
  models = [
    spec("flops", flops=7e9, num_params=1, size=1, pixels=1),
    spec("params", num_params=20_000_000, pixels=at),
    spec("size", size=80_000_000, pixels=at),
    spec("small images", num_params=20_000_000, pixels=at // 4),
    spec("nothing"),
    spec("ready", flops=0.0),
  ]
  found = predicted_costs(models, len(digits))
  assert list(found) == [model.name for model in models]
  beside = found["ready"]
  assert beside > 0
  per_image = {name: (cost - beside) / len(digits) for name, cost in found.items()}
  assert per_image == pytest.approx(
    {
      "flops": 7e9,
      "params": 7e9,
      "size": 7e9,
      "small images": 7e9 / 4,
      "nothing": 7e9,  # the median
      "ready": 0.0,
    }
  )


def test_every_kind_of_model_states_its_size():
  from lead_jax.backbones import resolve_models

  stated = [spec.stated for spec in resolve_models(["resnet50", "digits/mlp_random"])]
  assert stated[0].flops == pytest.approx(2 * 4.09e9, rel=0.01)
  assert stated[0].pixels == 224 * 224
  assert stated[1].num_params > 1000
  assert stated[1].pixels == 64
  assert resolve_models(["features:none.npz"])[0].stated.flops == 0.0


def test_a_part_does_its_own_then_what_nobody_has_begun(digits, tmp_path):
  calls = []
  plan, store = _plan(digits, calls), lead_jax.open_store(tmp_path)

  class Heard(lead_jax.Listener):
    def dealt(self, number, count, models):
      self.part = number, count, list(models)

  heard = Heard()
  worked = lead_jax.work(plan, store, heard, shard=(2, 3))
  assert heard.part == (2, 3, ["b", "e"])
  assert worked.done == ["b", "e", "a", "c", "d", "f"]
  assert worked.elsewhere == []
  once = sorted(calls)  # traced to be run and to be counted
  assert once == sorted(2 * NAMES)
  assert lead_jax.conclude(plan, store).complete
  assert lead_jax.work(plan, store, shard=(1, 3)).done == []
  assert lead_jax.work(plan, store).done == list(NAMES)
  assert sorted(calls) == once
  assert not list(store.root.glob(".claims/*"))


def test_what_failed_is_tried_again_by_its_own_part_alone(digits, tmp_path):
  tries = []

  def broken():
    tries.append(1)
    raise InputError("no weights")

  models = [ModelSpec("a", broken), tiny_spec("b", 2)]
  plan = lead_jax.plan(digits, models, METRICS, resamples=0)
  store = lead_jax.open_store(tmp_path)
  assert lead_jax.work(plan, store, shard=(1, 2)).done == ["a", "b"]
  assert lead_jax.work(plan, store, shard=(2, 2)).done == []
  assert len(tries) == 1
  assert lead_jax.work(plan, store, shard=(1, 2)).done == ["a"]
  assert len(tries) == 2


def _at_once(*calls):
  with futures.ThreadPoolExecutor(len(calls)) as pool:
    return [each.result() for each in [pool.submit(call) for call in calls]]


def test_runs_at_once_do_each_model_once(digits, tmp_path):
  calls = []
  plans = [_plan(digits, calls) for _ in range(4)]

  def run(plan):
    store = lead_jax.open_store(tmp_path)
    lead_jax.work(plan, store)
    return lead_jax.conclude(plan, store).scores

  found = _at_once(*(functools.partial(run, plan) for plan in plans))
  assert sorted(calls) == sorted(2 * NAMES)  # traced to be run and to be counted
  assert all([r.score for r in one] == [r.score for r in found[0]] for one in found)
  assert not list((tmp_path / "features" / ".claims").iterdir())


# What differs between any two runs, and where results came from.
VARIES = ("seconds", "peak_memory_mib", "environment", "cached", "features_cached")


def _without(content, names):
  if isinstance(content, dict):
    return {k: _without(v, names) for k, v in content.items() if k not in names}
  return [_without(v, names) for v in content] if isinstance(content, list) else content


def _reported(digits, folder, count):
  """The text of report.json after `count` workers at once, without what varies."""
  models = [tiny_spec(name, ord(name)) for name in NAMES]
  asked = {"metrics": ["nearest_centroid", "knn"], "resamples": 10}
  shards = [(number, count) for number in range(1, count + 1)]

  def worker(shard):
    plan = lead_jax.plan(digits, models, **asked)
    lead_jax.work(plan, lead_jax.open_store(folder / "cache"), shard=shard)

  if count:
    _at_once(*(functools.partial(worker, shard) for shard in shards))
  out, cache = folder / "out", folder / "cache"
  report = lead_jax.rank(digits, models, **asked, out=out, cache_dir=cache)
  assert all(row.cached for row in report.scores) == bool(count)
  content = json.loads((out / "report.json").read_text())
  assert content["certainty"]["models"]
  return json.dumps(_without(content, (*VARIES, "cache_dir")))


def test_the_report_is_that_of_one_worker(digits, tmp_path):
  alone, *found = (_reported(digits, tmp_path / str(n), n) for n in (0, 1, 2, 4))
  assert found == [alone] * 3


class Waiting(lead_jax.Listener):
  """Does something whenever the run waits."""

  def __init__(self, then):
    self.then = then
    self.heard = []

  def waiting(self, model, owner):
    self.heard.append((model, owner))
    self.then()


def _key(plan, model):
  records = types.SimpleNamespace(plan=plan)
  return Turns(types.SimpleNamespace(plan=plan, records=records), None, None).key(model)


def test_a_run_leaves_a_model_to_who_is_at_it_and_waits(digits, tmp_path):
  plan, store = _plan(digits), lead_jax.open_store(tmp_path)
  with contextlib.ExitStack() as other:
    claims = other.enter_context(Claims(store.root / ".claims"))
    other.enter_context(claims.holding(_key(plan, "b")))
    worked = lead_jax.work(plan, store, shard=(2, 2))
    assert worked.elsewhere == ["b"]
    assert sorted(worked.done) == ["a", "c", "d", "e", "f"]
    heard = Waiting(other.close)
    assert lead_jax.work(plan, store, heard).done == ["a", "c", "d", "e", "f", "b"]
  ((model, owner),) = heard.heard
  assert model == "b"
  assert owner.endswith(f":{os.getpid()}")


def test_a_claim_of_another_machine_is_waited_for_until_it_moves_or_dies(
  digits, tmp_path, monkeypatch
):
  now = [0.0]
  hurried = functools.partial(Claims, lease=100, clock=lambda: now[0])
  monkeypatch.setattr(_working, "Claims", hurried)
  monkeypatch.setattr(_claims.time, "sleep", lambda seconds: None)
  plan, store = _plan(digits), lead_jax.open_store(tmp_path)
  path = store.root / ".claims" / f"{_key(plan, 'b')}.claim"
  path.parent.mkdir()
  text = "00000000000000000007\nelsewhere 12 00000000 0123456789abcdef\n"
  path.write_text(text)
  moving = Waiting(lambda: path.write_text(text.replace("7", "8")))
  worked = lead_jax.work(plan, store, moving, shard=(1, 2))
  assert moving.heard == [("b", "elsewhere:12")]
  assert worked.elsewhere == ["b"]

  def pass_time():
    now[0] += 60

  still = Waiting(pass_time)
  worked = lead_jax.work(plan, store, still, shard=(1, 2))
  assert len(still.heard) == 2
  assert worked.done == ["b"]
  assert worked.elsewhere == []
  assert not path.exists()


KILLED = """
import os, signal, sys
import lead_jax

class Kill(lead_jax.Listener):
  def scoring(self, metric):
    os.kill(os.getpid(), signal.SIGKILL)

plan = lead_jax.plan("digits", ["digits/mlp_random", "digits/conv_random"], ["knn"])
store = lead_jax.open_store(sys.argv[1])
lead_jax.work(plan, store, Kill(), shard=(1, 2))
"""


def test_what_a_killed_worker_was_at_is_taken_over(tmp_path):
  plan = lead_jax.plan("digits", ["digits/mlp_random", "digits/conv_random"], ["knn"])
  first = deal(predicted_costs(plan.live.models, 1), 2)[0]
  command = [sys.executable, "-c", KILLED, str(tmp_path)]
  killed = subprocess.run(command, check=False)
  assert killed.returncode == -signal.SIGKILL
  store = lead_jax.open_store(tmp_path)
  left = store.root / ".claims" / f"{_key(plan, first[0])}.claim"
  assert left.exists()
  worked = lead_jax.work(plan, store, shard=(2, 2))
  assert sorted(worked.done) == sorted(plan.models)
  report = lead_jax.conclude(plan, store)
  assert report.complete
  # It had extracted the features, and they are not extracted again.
  cached = {row.model: row.features_cached for row in report.models}
  assert cached == {name: name == first[0] for name in plan.models}
  assert not list(left.parent.iterdir())


def test_the_reference_of_all_models_is_extracted_once(digits, tmp_path):
  calls = []
  models = [tiny_spec(name, ord(name)) for name in NAMES]
  reference = tiny_spec("reference", 1, calls)

  def run():
    asked = {"reference": reference, "resamples": 0}
    plan = lead_jax.plan(digits, models, ["rsa"], **asked)
    lead_jax.work(plan, lead_jax.open_store(tmp_path))

  _at_once(run, run, run)
  assert calls == ["reference"]
