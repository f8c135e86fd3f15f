"""The script that makes the digits zoo, at a size for tests."""

import csv
import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import pretrain_digits
from experiments.configs.digits import PRETRAININGS, Finetuning
from experiments.digits import data, finetune, pretrain
from lead_jax.backbones.digits import ARCHITECTURES, digits_models
from lead_jax.checks._errors import InputError

# The fully connected ones compile fastest; every other network is loaded and applied in
# tests/backbones/test_digits.py.
MODELS = ("mlp_denoising", "mlp_random")
SHORT = Finetuning(learning_rates=(0.003, 0.01), num_seeds=2)
OPTIONS = {"models": MODELS, "steps_scale": 0.01, "finetuning": SHORT}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  folder = tmp_path_factory.mktemp("made") / "zoo"
  pretrain_digits.run(folder, **OPTIONS)
  return folder


def config_of(name):
  return next(config for config in PRETRAININGS if config.name == name)


def test_run_writes_models_that_load(made):
  specs = digits_models(made)
  assert [spec.name for spec in specs] == ["digits/mlp_denoising", "digits/mlp_random"]
  assert all(spec.load().num_params > 1000 for spec in specs)
  assert sorted(path.name for path in made.iterdir()) == [
    "digits.json",
    "digits_ground_truth.csv",
    "mlp_denoising.safetensors",
    "mlp_random.safetensors",
  ]
  index = json.loads((made / "digits.json").read_text())
  assert index["made"]["seed"] == 0
  assert index["models"]["digits/mlp_denoising"]["pretraining_steps"] == 6
  assert index["models"]["digits/mlp_random"]["pretraining_steps"] == 0


def test_run_writes_the_columns_of_the_ground_truth(made, shared):
  with (shared / "realzoo" / "ground_truth.csv").open() as file:
    columns = next(csv.reader(file))
  with (made / "digits_ground_truth.csv").open(newline="") as file:
    header, *rows = csv.reader(file)
  assert header == [*columns, "accuracy_std"]
  assert len(rows) == 2


def test_run_repeats_bit_for_bit(made, tmp_path):
  again = tmp_path / "again"
  pretrain_digits.run(again, **OPTIONS)
  for path in made.iterdir():
    assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_model_does_not_depend_on_the_others_but_on_the_seed(made, tmp_path):
  options = OPTIONS | {"models": ("mlp_denoising",)}
  file = "mlp_denoising.safetensors"
  pretrain_digits.run(tmp_path / "alone", **options)
  assert (tmp_path / "alone" / file).read_bytes() == (made / file).read_bytes()
  pretrain_digits.run(tmp_path / "seed", seed=1, **options)
  assert (tmp_path / "seed" / file).read_bytes() != (made / file).read_bytes()


def test_run_overwrites_only_when_told(tmp_path):
  options = OPTIONS | {"models": ("mlp_random",)}
  truth = tmp_path / "digits_ground_truth.csv"
  truth.write_text("mine")
  with pytest.raises(InputError, match="already holds digits_ground_truth"):
    pretrain_digits.run(tmp_path, **options)
  assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
  pretrain_digits.run(tmp_path, overwrite=True, **options)
  assert truth.read_text().startswith("model,")
  assert len(list(tmp_path.iterdir())) == 3  # and no half-written file


def test_run_refuses_a_file_and_unknown_models(tmp_path):
  file = tmp_path / "file"
  file.write_text("")
  with pytest.raises(InputError, match="is a file"):
    pretrain_digits.run(file, **OPTIONS)
  with pytest.raises(InputError, match="nothing"):
    pretrain_digits.run(tmp_path, models=("nothing",))


def test_configurations_name_what_exists():
  names = [config.name for config in PRETRAININGS]
  assert len(set(names)) == 12
  assert {config.architecture for config in PRETRAININGS} == set(ARCHITECTURES)
  assert all(
    (config.objective == "none") == (not config.steps) for config in PRETRAININGS
  )


@pytest.mark.parametrize(
  "name", ["mlp_supervised", "mlp_denoising", "resnet_rotation", "conv_contrastive"]
)
def test_objective_is_lowered(name):
  config = dataclasses.replace(config_of(name), architecture="mlp_narrow")
  source, key = data.load_source(), jax.random.key(0)
  _, first = pretrain.pretrain(config, source, num_steps=1, key=key)
  _, last = pretrain.pretrain(config, source, num_steps=100, key=key)
  assert last < 0.95 * first


def test_source_and_target_share_no_class_and_one_scale():
  source, train, test = (
    data.load_source(), data.load_target("train"), data.load_target("test")
  )  # fmt: skip
  assert len(source.labels) + len(train.labels) + len(test.labels) == 1797
  assert len(source.labels) == 901
  for examples in (source, train, test):
    assert examples.images.shape[1:] == (8, 8, 1)
    assert examples.images.dtype == np.float32
    assert set(examples.labels) == set(range(5))
    assert examples.images.min() == pytest.approx(data.BACKGROUND)
    assert abs(examples.images.mean()) < 0.1
    assert abs(examples.images.std() - 1) < 0.1


def test_validation_is_the_end_of_each_class():
  labels = np.array([0, 1, 0, 0, 1, 0, 0, 1, 1, 1], np.int32)
  images = np.arange(10, dtype=np.float32).reshape(-1, 1, 1, 1)
  train, validation = data.split_validation(data.Examples(images, labels), 0.4)
  np.testing.assert_array_equal(validation.images.ravel(), [5, 6, 8, 9])
  np.testing.assert_array_equal(train.images.ravel(), [0, 1, 2, 3, 4, 7])
  np.testing.assert_array_equal(train.labels, [0, 1, 0, 0, 1, 1])


def test_rotation_turns_by_the_label():
  images = jax.random.normal(jax.random.key(0), (9, 8, 8, 1))
  turned, quarters = pretrain._rotate(jax.random.key(1), images)
  assert set(np.asarray(quarters)) == {0, 1, 2, 3}
  for image, result, quarter in zip(images, turned, quarters, strict=True):
    np.testing.assert_array_equal(np.rot90(image, int(quarter)), result)


def test_hidden_squares_are_whole_and_as_many_as_asked():
  images = jnp.ones((200, 8, 8, 1))
  hidden = pretrain._hide(jax.random.key(0), images, 2, 0.5)
  squares = np.asarray(hidden).reshape(200, 4, 2, 4, 2)
  np.testing.assert_array_equal(squares.min((2, 4)), squares.max((2, 4)))
  assert abs(np.mean(squares == np.float32(data.BACKGROUND)) - 0.5) < 0.03


def test_contrast_prefers_twins():
  first = jax.random.normal(jax.random.key(0), (16, 8))
  other = jax.random.normal(jax.random.key(1), (16, 8))
  assert pretrain._contrast(first, first) < 0.5 * pretrain._contrast(first, other)


def test_label_noise_replaces_the_share_asked_for():
  labels = jnp.zeros(5000, jnp.int32)
  kept = pretrain._replace_labels(jax.random.key(0), labels, 0.0)
  np.testing.assert_array_equal(kept, labels)
  noisy = pretrain._replace_labels(jax.random.key(0), labels, 0.9)
  assert abs(np.mean(np.asarray(noisy) == 0) - (0.1 + 0.9 / 5)) < 0.03


def test_finetuning_learns_and_leaves_the_parameters_alone():
  train, test = data.load_target("train"), data.load_target("test")
  params = {"scale": jnp.ones(())}

  def apply(params, images):
    return {"features": params["scale"] * images.reshape(len(images), -1)}

  outcome = finetune.finetune(
    apply, params, train, test, config=SHORT, num_epochs=5, key=jax.random.key(0)
  )
  assert len(outcome.accuracies) == 2
  assert outcome.learning_rate in SHORT.learning_rates
  assert min(outcome.accuracies) > 60
  assert outcome.validation_accuracy > 60
  assert params["scale"] == 1


def test_finetuning_cannot_learn_from_constant_features():
  train, test = data.load_target("train"), data.load_target("test")

  def apply(params, images):
    return {"features": params["constant"] + jnp.zeros((len(images), 1))}

  outcome = finetune.finetune(
    apply,
    {"constant": jnp.ones((1, 3))},
    train,
    test,
    config=SHORT,
    num_epochs=1,
    key=jax.random.key(0),
  )
  assert max(outcome.accuracies) < 30
