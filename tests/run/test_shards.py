"""Parts of a plan: the deal, what a part does, several processes on one store."""

import pytest

import lead_jax
from lead_jax.backbones import ModelSpec, Stated
from lead_jax.checks import InputError
from lead_jax.run._predicted_cost import predicted_costs
from lead_jax.run.engines import deal
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
  plan = lead_jax.plan(digits, models, METRICS)
  found = predicted_costs(plan.live)
  assert list(found) == list(plan.models)
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
