"""One run: stopped and gone on with, it ends with the same bits."""

import dataclasses

import numpy as np
import pytest

from lead_jax.finetune._learner import Learner
from lead_jax.finetune._one_run import Listener, Samples, Setting, recorded_epochs, run
from tests.finetune.small import CLASSES, images, network, protocol

SETTING = Setting(0.01, 1e-4, seed=3)


class Stopping(Listener):
  """Interrupts once, when so many steps are done; notes what it is told."""

  def __init__(self, at=None):
    self.at, self.said = at, []

  def stepped(self, done):
    if self.at is not None and done >= self.at:
      self.at = None
      raise KeyboardInterrupt

  def warned(self, message):
    self.said.append(message)


@pytest.fixture(scope="module")
def learner():
  return Learner(network(), 3, protocol(flip=True, crop=1))


@pytest.fixture(scope="module")
def samples(learner):
  pixels, labels = images(30, 1)
  rows = np.arange(0, 30, 2)
  return Samples(
    inputs=pixels,
    labels=labels,
    rows=rows,
    validation=rows + 1,
    test=images(20, 2),
    class_names=CLASSES,
    features=learner.features(pixels),
  )


@pytest.fixture
def do(learner, samples, tmp_path):
  def call(
    name, at=None, *, setting=SETTING, samples=samples, key="k", learner=learner
  ):
    listener = Stopping(at)
    result = run(
      lambda: (learner, samples),
      setting,
      key=key,
      folder=tmp_path / name,
      listener=listener,
      facts={"device": "here"},
    )
    return result, listener.said

  return call


def _what_counts(result):
  return {
    k: v for k, v in result.items() if k not in ("seconds", "sessions", "earlier")
  }


def _assert_same_logits(one, other):
  with np.load(one / "logits.npz") as a, np.load(other / "logits.npz") as b:
    assert set(a.files) == set(b.files)
    for name in a.files:
      np.testing.assert_array_equal(a[name], b[name])


def test_stopped_at_any_step_it_ends_with_the_same_bits(do, tmp_path):
  whole, _ = do("whole")
  assert whole["status"] == "ok"
  assert (whole["steps"], len(whole["loss"]), whole["sessions"]) == (8, 4, 1)
  for at in (0, 3, 8):
    with pytest.raises(KeyboardInterrupt):
      do(f"stopped{at}", at)
    found, said = do(f"stopped{at}")
    assert _what_counts(found) == _what_counts(whole)
    assert found["sessions"] == (1 if at == 0 else 2)  # nothing was done before step 1
    assert said == []
    _assert_same_logits(tmp_path / "whole", tmp_path / f"stopped{at}")


def test_what_is_finished_is_not_done_again(do, tmp_path):
  first, _ = do("once")
  again, _ = do("once", learner=None, samples=None)  # neither is needed
  assert again == {**first, "earlier": True}
  other, _ = do("once", key="other")
  assert not other["earlier"]
  (tmp_path / "once" / "logits.npz").unlink()
  assert not do("once", key="other")[0]["earlier"]


def test_a_checkpoint_that_cannot_be_used_is_one_line(do, tmp_path):
  whole, _ = do("whole")
  with pytest.raises(KeyboardInterrupt):
    do("cut", 5)
  for path in (tmp_path / "cut" / "checkpoint").rglob("d/*"):
    path.write_bytes(b"x")
  found, said = do("cut")
  assert _what_counts(found) == _what_counts(whole)
  assert len(said) == 1
  assert "its run starts anew" in said[0]
  with pytest.raises(KeyboardInterrupt):
    do("without", 5)
  (tmp_path / "without" / "logits" / "1.npz").unlink()
  found, said = do("without")
  assert _what_counts(found) == _what_counts(whole)
  assert "logits of earlier passes are gone" in said[0]


def test_logits_of_every_pass_are_kept(do, tmp_path, samples):
  result, _ = do("kept")
  with np.load(tmp_path / "kept" / "logits.npz", allow_pickle=False) as arrays:
    assert arrays["epochs"].tolist() == [0, 1, 2, 3, 4]
    assert arrays["steps_per_epoch"] == 2
    assert arrays["train_logits"].shape == (5, 15, 3)
    assert arrays["test_logits"].shape == (5, 20, 3)
    np.testing.assert_array_equal(arrays["train_rows"], samples.rows)
    np.testing.assert_array_equal(arrays["train_labels"], samples.labels[samples.rows])
    assert tuple(arrays["class_names"]) == CLASSES
    right = arrays["test_logits"][-1].argmax(axis=1) == arrays["test_labels"]
  assert result["test"]["top1"] == pytest.approx(100 * right.mean(), abs=1e-4)


def test_a_compared_setting_keeps_its_result_alone(do, tmp_path, samples):
  result, _ = do("compared", samples=dataclasses.replace(samples, test=None))
  assert result["test"] is None
  assert set(result["validation"]) == {"top1", "per_class", "map", "map11"}
  assert [path.name for path in (tmp_path / "compared").iterdir()] == ["result.json"]


def test_a_loss_that_is_not_finite_ends_the_run(do):
  result, _ = do("wild", setting=dataclasses.replace(SETTING, learning_rate=1e38))
  assert result["status"].startswith("diverged at step ")
  assert result["validation"] is None
  assert result["loss"][-1] is None
  again, _ = do("wild", setting=dataclasses.replace(SETTING, learning_rate=1e38))
  assert again["earlier"]


def test_a_last_update_that_is_not_finite_is_found_too(do):
  one = Learner(network(), 3, protocol(epochs=None, steps=1, optimiser="sgd"))
  result, _ = do("last", learner=one, setting=Setting(1e38, 0.0, seed=0))
  assert result["status"] == "diverged at step 1"
  assert (result["test"], result["files"]) == (None, [])


def test_steps_may_end_in_the_middle_of_a_pass(do, samples, learner):
  shorter = Learner(network(), 3, protocol(epochs=None, steps=5))
  result, _ = do("short", learner=shorter)
  assert (result["steps"], len(result["loss"])) == (5, 3)


def test_recorded_epochs_are_few_and_have_both_ends():
  assert recorded_epochs(3) == [0, 1, 2, 3]
  many = recorded_epochs(161)
  assert len(many) == 17
  assert (many[0], many[-1]) == (0, 161)


def test_what_a_disk_has_damaged_is_done_again(do, tmp_path):
  first, _ = do("damaged")
  place = tmp_path / "damaged"
  for name in ("result.json", "logits.npz"):
    data = bytearray((place / name).read_bytes())
    # Of the JSON a digit, which only a checksum tells; of the arrays any byte.
    at = data.index(b'"steps": ') + 9 if name == "result.json" else len(data) // 2
    data[at] ^= 1
    (place / name).write_bytes(data)
    again, _ = do("damaged")
    assert not again["earlier"]
    assert _what_counts(again) == _what_counts(first)
    assert do("damaged")[0]["earlier"]
