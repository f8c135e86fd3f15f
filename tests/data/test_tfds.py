"""TensorFlow Datasets: small builders really written to disk, in each format."""

import io
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import types

import numpy as np
import pytest

from lead_jax.checks._errors import InputError
from lead_jax.data._tfds import load_tfds_dataset

pytest.importorskip("tensorflow_datasets", reason="tensorflow-datasets is not here")

CLASSES = ("cat", "dog", "eel", "fox")
SIZES = {"train": 12, "validation": 6, "test": 9}


def pixels(part: str, index: int) -> np.ndarray:
  rng = np.random.default_rng([list(SIZES).index(part), index])
  return rng.integers(0, 256, (6, 5, 3), np.uint8)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  """Prepares a few builders, as `tfds build` would."""
  import tensorflow_datasets as tfds

  folder = tmp_path_factory.mktemp("tfds")
  image = tfds.features.Image(shape=(6, 5, 3))
  label = tfds.features.ClassLabel(names=CLASSES)

  def build(
    builder_name,
    features,
    make,
    parts=tuple(SIZES),
    supervised=None,
    *,
    file_format=None,
    shards=None,
  ):
    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
      VERSION = tfds.core.Version("1.0.0")
      name = builder_name
      # Else the library looks for a file of URLs beside this module.
      code_path = None

      def _info(self):
        features_dict = tfds.features.FeaturesDict(features)
        return tfds.core.DatasetInfo(
          builder=self, features=features_dict, supervised_keys=supervised
        )

      def _split_generators(self, dl_manager):
        return {part: self._generate_examples(part) for part in parts}

      def _generate_examples(self, part):
        size = SIZES.get(part, 4)
        yield from ((i, make(part, i)) for i in range(size))

    config = tfds.download.DownloadConfig(
      try_download_gcs=False,
      compute_stats=tfds.download.ComputeStatsMode.SKIP,
      num_shards=shards,
    )
    Builder(data_dir=os.fspath(folder)).download_and_prepare(
      download_config=config, file_format=file_format
    )

  def pair(part, i):
    return {"image": pixels(part, i), "label": CLASSES[i % 3]}

  both = {"image": image, "label": label}
  build("small_pets", both, pair)
  build("array_pets", both, pair, file_format="array_record")
  build("table_pets", both, pair, file_format="parquet")
  build("pets_in_shards", both, pair, shards=3)
  build(
    "odd_keys",
    {"photo": image, "mask": tfds.features.LabeledImage(labels=2), "kind": label},
    lambda part, i: {
      "photo": pixels(part, i),
      "mask": np.zeros((6, 5, 1), np.uint8),
      "kind": i % 2,
    },
    supervised=("photo", "kind"),
  )
  build("no_label", {"image": image}, lambda part, i: {"image": pixels(part, i)})
  build(
    "no_image",
    {"x": tfds.features.Scalar(np.int64), "label": label},
    lambda part, i: {"x": i, "label": i % 2},
  )
  build(
    "one_part",
    {"image": image, "label": label},
    lambda part, i: {"image": pixels("train", i), "label": i % 2},
    ("full",),
  )
  build(
    "withheld",
    {"image": image, "label": label},
    lambda part, i: {"image": pixels("train", i), "label": -1},
  )
  build(
    "damaged",
    {"image": image, "label": label},
    lambda part, i: {
      "image": pixels("train", i) if i else io.BytesIO(b"junk"),
      "label": i % 2,
    },
  )
  return folder


def test_content(data_dir):
  data = load_tfds_dataset("small_pets", "test", data_dir=data_dir)
  assert (data.name, data.split, len(data)) == ("small_pets", "test", 9)
  assert data.class_names == ("cat", "dog", "eel")  # No fox in it.
  assert data.labels.dtype == np.int32
  # The records are in an order of the library's, so samples are found by their pixels.
  expected = {pixels("test", i).tobytes(): i % 3 for i in range(9)}
  found = {data.read_image(i).tobytes(): data.labels[i] for i in range(9)}
  assert found == expected
  assert data.skipped == ()


def test_order_is_the_same_every_time(data_dir):
  runs = [load_tfds_dataset("small_pets", data_dir=data_dir) for _ in range(2)]
  assert runs[0].fingerprint == runs[1].fingerprint
  np.testing.assert_array_equal(runs[0].labels, runs[1].labels)


def test_parts(data_dir):
  sizes = {
    split: len(load_tfds_dataset("small_pets", split, data_dir=data_dir))
    for split in ("train", "test", "all")
  }
  assert sizes == {"train": 12, "test": 9, "all": 27}
  data = load_tfds_dataset("one_part:1.0.0", data_dir=data_dir)
  assert (data.split, len(data)) == ("all", 4)
  with pytest.raises(InputError, match="no test part"):
    load_tfds_dataset("one_part", "test", data_dir=data_dir)


def test_memory_budget_changes_nothing(data_dir):
  kept = load_tfds_dataset("small_pets", data_dir=data_dir)
  spilled = load_tfds_dataset("small_pets", data_dir=data_dir, memory_budget=300)
  assert kept.fingerprint == spilled.fingerprint
  for i in range(len(kept)):
    np.testing.assert_array_equal(kept.read_image(i), spilled.read_image(i))


def test_features_are_found_by_the_pair_that_the_builder_declares(data_dir):
  data = load_tfds_dataset("odd_keys", "test", data_dir=data_dir)
  assert data.class_names == ("cat", "dog")
  assert data.read_image(0).shape == (6, 5, 3)


@pytest.mark.parametrize(
  ("name", "message"),
  [
    ("no_label", r"one class label \(ClassLabel\) .* has none among .* image"),
    ("no_image", r"one 8-bit image an example is needed, it has none among"),
    ("withheld", "withheld"),
    ("mnist", r"not prepared in '.*': run `tfds build mnist --data_dir=.*`"),
    ("mnits", "no such data set; nearest: .*mnist"),
    ("cifar10_corrupted/nothing", "BuilderConfig nothing not found"),
    ("huggingface:mnist", "expected tfds:NAME"),
    ("", "expected tfds:NAME"),
  ],
)
def test_refuses(data_dir, name, message):
  before = os.listdir(tempfile.gettempdir())
  with pytest.raises(InputError, match=message) as caught:
    load_tfds_dataset(name, data_dir=data_dir)
  assert "\n" not in str(caught.value)
  assert os.listdir(tempfile.gettempdir()) == before


def test_download_is_tried_only_when_asked_and_fails_in_one_line(data_dir, monkeypatch):
  # Its retries wait for minutes in all.
  monkeypatch.setattr("urllib3.util.retry.Retry.get_backoff_time", lambda self: 0)
  with pytest.raises(InputError, match=r"mnist could not be prepared: ") as caught:
    load_tfds_dataset("mnist", data_dir=data_dir, download=True)
  assert "\n" not in str(caught.value)
  assert not list((data_dir / "mnist").glob("[0-9]*/dataset_info.json"))


def test_an_image_that_cannot_be_read_is_named(data_dir):
  data = load_tfds_dataset("damaged", data_dir=data_dir)
  assert len(data) == 11
  (skipped,) = data.skipped
  assert skipped.path.startswith("tfds:damaged train ")
  assert skipped.reason == "not an image"


@pytest.mark.parametrize("how", ["truncated", "removed"])
def test_damaged_records_are_one_line(data_dir, tmp_path, how):
  shutil.copytree(data_dir / "small_pets", tmp_path / "small_pets")
  for file in (tmp_path / "small_pets" / "1.0.0").glob("*tfrecord*"):
    if how == "removed":
      file.unlink()
    else:
      file.write_bytes(file.read_bytes()[:-40])
  with pytest.raises(InputError, match=r"'train' are damaged or missing") as caught:
    load_tfds_dataset("small_pets", data_dir=tmp_path)
  assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["array_pets", "table_pets", "pets_in_shards"])
def test_every_format_has_the_same_samples(data_dir, name):
  def samples(name):
    data = load_tfds_dataset(name, data_dir=data_dir)
    assert data.skipped == ()
    return {data.read_image(i).tobytes(): data.labels[i] for i in range(len(data))}

  assert samples(name) == samples("small_pets")
  assert len(samples(name)) == SIZES["train"]


def test_shards_are_read_one_after_another(data_dir):
  import tensorflow_datasets as tfds

  builder = tfds.builder("pets_in_shards", data_dir=os.fspath(data_dir))
  shards = builder.info.splits["train"].file_instructions
  assert len(shards) == 3
  # TensorFlow reads one shard after another where it is told to open one at a time.
  config = tfds.ReadConfig(interleave_cycle_length=1)
  records = builder.as_dataset(split="train", read_config=config)
  data = load_tfds_dataset("pets_in_shards", data_dir=data_dir)
  for i, example in enumerate(records.as_numpy_iterator()):
    np.testing.assert_array_equal(data.read_image(i), example["image"])
    assert data.class_names[data.labels[i]] == CLASSES[example["label"]]


def test_another_format_is_refused(data_dir, monkeypatch):
  import tensorflow_datasets as tfds

  bagz = tfds.core.FileFormat("riegeli")
  monkeypatch.setattr(tfds.core.DatasetInfo, "file_format", bagz)
  with pytest.raises(InputError, match="prepared as riegeli files: prepare it as tfr"):
    load_tfds_dataset("small_pets", data_dir=data_dir)


def test_reading_imports_no_tensorflow(data_dir):
  program = f"""
import sys
from lead_jax.data import load_dataset
assert "tensorflow_datasets" not in sys.modules
for name in ("small_pets", "array_pets", "table_pets"):
  print(len(load_dataset("tfds:" + name, data_dir={os.fspath(data_dir)!r})))
assert "tensorflow" not in sys.modules
"""
  done = subprocess.run(
    [sys.executable, "-c", program],
    capture_output=True,
    text=True,
    check=False,
    cwd=pathlib.Path(__file__).resolve().parents[2],
  )
  assert done.stdout == "12\n12\n12\n", done.stderr
  assert "WARNING" not in done.stderr


@pytest.mark.parametrize("module", ["tensorflow_datasets", "google_crc32c"])
def test_a_missing_library_is_named(data_dir, monkeypatch, module):
  monkeypatch.setitem(sys.modules, module, None)
  message = rf"tfds:small_pets needs {module}, .*: pip install 'lead_jax\[tfds\]'"
  with pytest.raises(InputError, match=message):
    load_tfds_dataset("small_pets", data_dir=data_dir)


def test_without_tensorflow_what_prepares_is_named(data_dir, monkeypatch):
  monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
  message = r"run `tfds build mnist .*` after pip install 'lead_jax\[tensorflow\]'"
  with pytest.raises(InputError, match=message):
    load_tfds_dataset("mnist", data_dir=data_dir)


@pytest.mark.parametrize(
  ("hiding", "message"),
  [
    # Not installed, as an import hook says it that hides a package.
    (
      "class Hidden:\n"
      "  def find_spec(name, path=None, target=None):\n"
      "    if name.split('.')[0] == 'tensorflow':\n"
      "      raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
      "sys.meta_path.insert(0, Hidden)\n",
      "tfds:mnist is not prepared in {folder!r}: run `tfds build mnist "
      "--data_dir={folder}` after pip install 'lead_jax[tensorflow]'\n",
    ),
    # Then tensorflow_datasets itself does not start.
    (
      "sys.modules['tensorflow'] = None\n",
      "tfds:mnist needs tensorflow, which is not installed: "
      "pip install 'lead_jax[tensorflow]'\n",
    ),
  ],
)
def test_a_hidden_tensorflow_is_one_line(tmp_path, hiding, message):
  program = f"""
import sys
{hiding}
from lead_jax.data import load_dataset
try:
  load_dataset("tfds:mnist", data_dir=sys.argv[1])
except ValueError as error:
  print(error)
"""
  done = subprocess.run(
    [sys.executable, "-c", program, str(tmp_path)],
    capture_output=True,
    text=True,
    check=False,
    cwd=pathlib.Path(__file__).resolve().parents[2],
  )
  assert done.stdout == message.format(folder=str(tmp_path)), done.stderr


def test_a_library_that_does_not_start_is_one_line(data_dir, monkeypatch):
  empty = types.ModuleType("tensorflow_datasets")
  monkeypatch.setitem(sys.modules, "tensorflow_datasets", empty)
  monkeypatch.setitem(sys.modules, "tensorflow", empty)
  empty.config = types.SimpleNamespace(set_visible_devices=lambda *_: None)
  with pytest.raises(InputError, match="which is installed but does not start"):
    load_tfds_dataset("small_pets", data_dir=data_dir)
