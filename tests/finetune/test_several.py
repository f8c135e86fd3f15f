"""Images of several classes, or of none: the loss, the run, what is measured and kept."""

import dataclasses
import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from lead_jax.checks._errors import InputError
from lead_jax.finetune._accuracy import mean_average_precision, measures
from lead_jax.finetune._grid import finetune
from lead_jax.finetune._label_kinds import losses
from lead_jax.finetune._learner import Learner
from lead_jax.finetune._one_run import Listener
from lead_jax.finetune._task import make_target
from tests.finetune.small import network, protocol, sets_dataset, sets_target, target


@pytest.fixture
def sample():
  """Logits up to 40 and labels; the first sample is of no class, the second of all."""
  rng = np.random.default_rng(0)
  logits = (10 * rng.normal(size=(12, 5))).astype(np.float32)
  logits[3] = [40, -40, 40, -40, 0]
  labels = rng.random((12, 5)) < 0.3
  labels[0], labels[1] = False, True
  return logits, labels


def test_the_loss_is_binary_cross_entropy_by_its_formula(sample):
  logits, labels = sample
  wide = logits.astype(np.float64)
  p, rest = 1 / (1 + np.exp(-wide)), 1 / (1 + np.exp(wide))  # 1 - p, not cancelled
  wanted = -np.where(labels, np.log(p), np.log(rest)).mean(axis=1)
  np.testing.assert_allclose(losses(logits, labels), wanted, rtol=1e-5)
  gradient = jax.grad(lambda z: losses(z, labels).sum())(jnp.asarray(logits))
  wanted = np.where(labels, -rest, p) / 5
  np.testing.assert_allclose(gradient, wanted, rtol=1e-5)


def test_the_loss_and_its_gradient_are_torchs(sample):
  torch = pytest.importorskip("torch", reason="torch is not installed")
  logits, labels = sample
  # In float64: of p - 1 its float32 leaves no digit where p is nearly 1.
  theirs = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
  loss = torch.nn.BCEWithLogitsLoss()(theirs, torch.tensor(labels).double())
  loss.backward()
  ours, gradient = jax.value_and_grad(lambda z: losses(z, labels).mean())(
    jnp.asarray(logits)
  )
  assert float(ours) == pytest.approx(loss.item(), rel=1e-6)
  np.testing.assert_allclose(gradient, theirs.grad.numpy(), rtol=1e-5)


@pytest.mark.parametrize("loop", [False, True])
def test_a_batch_that_is_not_full_is_the_mean_of_what_it_has(loop):
  learner = Learner(network(), 2, protocol(), loop=loop)
  data = sets_dataset("train", 8, 1)
  pixels = np.stack([data.read_image(i) for i in range(8)])
  start = learner.start(0, learner.features(pixels))
  logits = learner.logits(start, pixels[:3])
  state = learner.start(0, learner.features(pixels))
  options = {"learning_rate": 0.01, "weight_decay": 0.0, "total": 1, "seed": 0}
  _, found = learner.train(state, pixels, data.label_sets, np.arange(3), **options)
  wanted = float(losses(logits, data.label_sets[:3]).mean())
  assert found.tolist() == pytest.approx([wanted], rel=1e-5)


def test_average_precision_takes_the_logits_as_they_are(sample):
  logits, labels = sample
  found = measures(logits, labels)
  wanted = average_precision_score(labels, logits, average="macro")
  assert found["map"] == pytest.approx(100 * wanted, abs=1e-4)
  assert set(found) == {"map", "map11"}
  # What is added to all logits of a sample moves it in every class's order.
  moved = logits + 30 * np.arange(12, dtype=np.float32)[:, None]
  assert measures(moved, labels) != found


class Stopping(Listener):
  """Interrupts once, when so many steps are done."""

  def __init__(self, at=None):
    self.at = at

  def stepped(self, done):
    if self.at is not None and done >= self.at:
      self.at = None
      raise KeyboardInterrupt


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
  """Two settings compared and the better one trained, which nothing interrupted."""
  grid = protocol(learning_rates=(1e-5, 0.01), flip=True)
  folder = tmp_path_factory.mktemp("several")
  return grid, finetune(network(), sets_target(), grid, folder=folder)


def test_a_network_learns_classes_that_do_not_exclude_each_other(learnt):
  _, outcome = learnt
  assert outcome.status == "ok"
  assert outcome.learning_rate == 0.01
  assert outcome.accuracy == outcome.runs[-1]["test"]["map11"] > 90
  assert outcome.validation_accuracy == outcome.runs[1]["validation"]["map11"]
  # 50 where nothing is known: half of the images are of each class.
  assert outcome.runs[0]["validation"]["map"] < outcome.runs[1]["validation"]["map"]
  assert set(outcome.runs[-1]["test"]) == {"map", "map11"}


def test_what_is_kept_has_the_classes_of_every_image(learnt):
  _, outcome = learnt
  wanted = sets_target()
  with np.load(outcome.logits[0], allow_pickle=False) as arrays:
    assert arrays["train_labels"].dtype == arrays["test_labels"].dtype == bool
    np.testing.assert_array_equal(
      arrays["train_labels"], wanted.train.label_sets[arrays["train_rows"]]
    )
    # The columns of the test split come in the other order.
    np.testing.assert_array_equal(
      arrays["test_labels"], wanted.test.label_sets[:, ::-1]
    )
    assert tuple(arrays["class_names"]) == ("above", "below")
    score = mean_average_precision(arrays["test_logits"][-1], arrays["test_labels"])
  assert outcome.runs[-1]["test"]["map"] == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize("at", [3, 6])
def test_stopped_it_ends_with_the_same_bits(learnt, tmp_path, at):
  grid, whole = learnt
  arguments = {"folder": tmp_path, "listener": Stopping(at)}
  with pytest.raises(KeyboardInterrupt):
    finetune(network(), sets_target(), grid, **arguments)
  found = finetune(network(), sets_target(), grid, **arguments)
  for one, other in zip(found.runs, whole.runs, strict=True):
    assert (one["key"], one["loss"]) == (other["key"], other["loss"])
    assert (one["validation"], one["test"]) == (other["validation"], other["test"])
  with np.load(found.logits[0]) as one, np.load(whole.logits[0]) as other:
    for name in one.files:
      np.testing.assert_array_equal(one[name], other[name])
  again = finetune(network(), sets_target(), grid, folder=tmp_path)
  assert [run["earlier"] for run in again.runs] == [True] * 3


def test_keys_depend_on_every_class_and_those_of_one_class_each_are_as_ever():
  found = sets_target().content(test=True)
  more = sets_dataset("train", 50, 1)
  more.label_sets[0, 1] = True  # its first class is what it was
  one = dataclasses.replace(more, label_sets=None)
  test = sets_target().test
  changed = make_target(more, test).content(test=True)
  single = make_target(one, test).content(test=True)
  assert len({found["train"], changed["train"], single["train"]}) == 3
  assert found["test"] == changed["test"] != single["test"]
  ids = target().train.labels.astype(np.int64).tobytes()
  wanted = hashlib.sha256(target().train.fingerprint.encode() + ids).hexdigest()
  assert target().content(test=False) == {"train": wanted}


def test_where_one_split_has_single_classes_first_classes_are_learnt():
  test = dataclasses.replace(sets_target().test, label_sets=None)
  found = make_target(sets_dataset("train", 50, 1), test)
  assert not found.several
  assert found.train_labels.tolist() == found.train.labels.tolist()
  assert found.test_labels.tolist() == (1 - test.labels).tolist()


def test_what_cannot_be_is_one_line(tmp_path):
  both = sets_target()
  empty = dataclasses.replace(both.test, label_sets=np.zeros((31, 2), bool))
  with pytest.raises(InputError, match="'lights': no image of test is of any class"):
    make_target(both.train, empty)
  for measure in ("top1", "per_class"):
    with pytest.raises(InputError, match=f"measure='{measure}' is for images of one"):
      finetune(network(), both, protocol(measure=measure), folder=tmp_path)
  few = np.zeros((50, 2), bool)
  few[0] = True
  rare = make_target(dataclasses.replace(both.train, label_sets=few), both.test)
  with pytest.raises(InputError, match="none of the 10 images held out of 'lights'"):
    finetune(network(), rare, protocol(), folder=tmp_path)
  assert list(tmp_path.iterdir()) == []


def test_the_measure_follows_the_data_unless_it_is_given():
  assert protocol().measure_of(several=True) == "map11"
  assert protocol().measure_of(several=False) == "top1"
  assert protocol(measure="map").measure_of(several=True) == "map"
  assert protocol(measure="per_class").measure_of(several=False) == "per_class"
