"""TensorFlow's checkpoints, as it writes them itself."""

import io
import pathlib
import types
import zipfile

import numpy as np
import pytest

from lead_jax.backbones._weights import read_converted
from lead_jax.backbones._weights._layouts import to_torchvision
from lead_jax.backbones._weights._read import read_weights
from lead_jax.checks._errors import InputError
from tests.backbones.weights.test_layouts import NETWORK, PUBLISHED

VARIABLES, _ = PUBLISHED["simclr_v1"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
  """SimCLR's variables under their names, as the first version of TensorFlow saves."""
  from lead_jax.system._tensorflow import import_tensorflow

  tf = import_tensorflow("a test")
  prefix = tmp_path_factory.mktemp("ResNet50_1x") / "model.ckpt-225206"
  names = [*VARIABLES, "words"]
  values = [*VARIABLES.values(), np.array(["text"])]
  tf.raw_ops.SaveV2(
    prefix=str(prefix),
    tensor_names=names,
    shape_and_slices=[""] * len(names),
    tensors=[tf.constant(value) for value in values],
  )
  (prefix.parent / "checkpoint").write_text("not read")
  return prefix


def _equal(tensors):
  assert tensors.keys() == NETWORK.keys()
  for name, value in tensors.items():
    np.testing.assert_array_equal(value, NETWORK[name])


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001", "/"])
def test_by_every_name(checkpoint, ending):
  path = checkpoint.parent if ending == "/" else f"{checkpoint}{ending}"
  raw = read_weights(path)
  assert raw.keys() == VARIABLES.keys()
  _equal(to_torchvision(raw, "simclr_v1", source="x"))


def test_converted(checkpoint, tmp_path):
  tensors, digest = read_converted(f"{checkpoint}.index", "simclr_v1", tmp_path)
  _equal(tensors)
  again, same = read_converted(checkpoint.parent, "simclr_v1", tmp_path)
  _equal(again)
  assert same == digest
  assert len(list((tmp_path / "weights" / "converted").iterdir())) == 1


def _zipped(checkpoint, folder, *, extra=()):
  file = io.BytesIO()
  with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
    for path in checkpoint.parent.iterdir():
      archive.write(path, f"{folder}{path.name}")
    for name in extra:
      archive.writestr(name, b"evil")
  return file.getvalue()


def test_published_zip(checkpoint, tmp_path):
  """Beside the checkpoint stands a Hub module, with variables of its own."""
  path = tmp_path / "ResNet50_1x.zip"
  extra = ["ResNet50_1x/hub/variables/variables.index", "ResNet50_1x/hub/tfhub.pb"]
  path.write_bytes(_zipped(checkpoint, "ResNet50_1x/", extra=extra))
  _equal(read_converted(path, "simclr_v1", tmp_path)[0])


def test_zip_that_points_elsewhere(checkpoint, tmp_path):
  path = tmp_path / "in" / "file.zip"
  path.parent.mkdir()
  path.write_bytes(_zipped(checkpoint, "../../", extra=["../../../etc/x"]))
  _equal(to_torchvision(read_weights(path), "simclr_v1", source="x"))
  assert [entry.name for entry in tmp_path.rglob("*")] == ["in", "file.zip"]


@pytest.mark.parametrize(
  ("extra", "reason"),
  [(["b/model.index"], "with 2 TensorFlow checkpoints"), ((), "with 0 TensorFlow")],
)
def test_zip_with_several_or_none(checkpoint, tmp_path, extra, reason):
  path = tmp_path / "file.zip"
  if extra:
    path.write_bytes(_zipped(checkpoint, "a/", extra=extra))
  else:
    with zipfile.ZipFile(path, "w") as archive:
      archive.writestr("readme.txt", "nothing")
  with pytest.raises(InputError, match=reason):
    read_weights(path)


def test_objects(tmp_path):
  """TensorFlow 2 names variables by the path of the objects that own them."""
  from lead_jax.system._tensorflow import import_tensorflow

  tf = import_tensorflow("a test")
  layer = tf.Module()
  layer.kernel = tf.Variable([1.0, 2.0])
  tf.train.Checkpoint(model=layer).save(tmp_path / "ckpt")
  read = read_weights(tmp_path)
  np.testing.assert_array_equal(read["model/kernel"], [1, 2])
  assert read.keys() == {"model/kernel", "save_counter"}


def test_damaged(checkpoint, tmp_path):
  content = {
    name: pathlib.Path(f"{checkpoint}{name}").read_bytes()
    for name in (".index", ".data-00000-of-00001")
  }
  for name, kept in [
    (".index", 100),
    (".index", 0),
    (".data-00000-of-00001", 1000),
    (".data-00000-of-00001", None),
  ]:
    for ending, data in content.items():
      (tmp_path / f"x{ending}").write_bytes(data)
    if kept is None:
      (tmp_path / f"x{name}").unlink()
    else:
      (tmp_path / f"x{name}").write_bytes(content[name][:kept])
    with pytest.raises(InputError, match="no sound TensorFlow checkpoint") as error:
      read_weights(tmp_path / "x")
    assert "\n" not in str(error.value)
  (tmp_path / "y.index").write_bytes(b"")
  with pytest.raises(InputError, match=r"holds 2 checkpoints: name one of x.index, y"):
    read_weights(tmp_path)


def test_many_variables_at_one_place(checkpoint, monkeypatch):
  """An index may say so; what they come to is counted before any is read."""
  from lead_jax.system._tensorflow import import_tensorflow

  tf = import_tensorflow("a test")
  names = [f"kernel_{i}" for i in range(100)]
  reader = types.SimpleNamespace(
    get_variable_to_dtype_map=lambda: dict.fromkeys(names, tf.float32),
    get_variable_to_shape_map=lambda: {name: [500, 500] for name in names},
  )
  monkeypatch.setattr(tf.train, "load_checkpoint", lambda prefix: reader)
  with pytest.raises(InputError, match="by copies of the same"):
    read_weights(checkpoint)
