"""`zoo.json` is read lazily, and every mistake in it is named."""

import copy
import hashlib
import json

import pytest

from lead_jax.backbones._zoo_file import _input_spec, load_zoo
from lead_jax.checks._errors import InputError

ENTRY = {
  "name": "a",
  "file": "a.onnx",
  "sha256": "0" * 64,
  "input": {
    "height": 4,
    "width": 5,
    "channels": "rgb",
    "mean": [1, 2, 3],
    "std": [4, 5, 6],
    "layout": "NCHW",
  },
}


def _write(tmp_path, content):
  path = tmp_path / "zoo.json"
  path.write_text(content if isinstance(content, str) else json.dumps(content))
  return path


def _changed(**changes):
  """An entry with fields replaced; `input_KEY` inside `input`, None for removed."""
  entry = copy.deepcopy(ENTRY)
  for key, value in changes.items():
    inside = key.startswith("input_")
    place = entry["input"] if inside else entry
    key = key.removeprefix("input_")
    if value is None:
      del place[key]
    else:
      place[key] = value
  return entry


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"name": None}, "model number 1: has no 'name'"),
    ({"file": None}, "model 'a': has no 'file'"),
    ({"sha256": None}, "model 'a': has no 'sha256'"),
    ({"input": None}, "model 'a': has no 'input'"),
    ({"input_mean": None}, "model 'a', input: has no 'mean'"),
    ({"input_height": "4"}, "'height' is '4', not of type int"),
    ({"input_height": 0}, "height is 0, not a whole number of pixels in 1..16384"),
    ({"input_channels": "hsv"}, "channels is 'hsv', not rgb"),
    ({"input_layout": "CHW"}, "layout is 'CHW'"),
    ({"input_std": [1, 0, 1]}, "each must be greater than 0"),
    ({"input_std": [1, 1]}, r"std is \[1, 1\]; channels='rgb' needs 3 finite numbers"),
    ({"input_mean": [1, 2, "x"]}, r"mean is .*needs 3 finite numbers"),
    (
      {"input_channels": "gray"},
      r"mean is \[1, 2, 3\]; .*'gray' needs 1 finite number",
    ),
    ({"input_interpolation": "sinc"}, "interpolation is 'sinc', not nearest | "),
    ({"input_interpolation": ""}, "interpolation is '', not nearest | "),
    ({"input_interpolation": 3}, "'interpolation' is 3, not of type str"),
    ({"input_resize": 0}, "input: resize is 0, not a whole number of pixels"),
    ({"input_resize": 1.5}, "'resize' is 1.5, not of type int"),
    ({"params": "many"}, "'params' is 'many', not of type int"),
  ],
)
def test_wrong_entries_are_named(tmp_path, changes, message):
  with pytest.raises(InputError, match=message):
    load_zoo(_write(tmp_path, {"models": [_changed(**changes)]}))


@pytest.mark.parametrize(
  ("content", "message"),
  [
    ("{", "not a JSON file"),
    ([], "lists no models"),
    ({"models": []}, "lists no models"),
    ({"models": [3]}, "model number 1 is no JSON object"),
    ({"models": [ENTRY, ENTRY]}, "two models are called 'a'"),
  ],
)
def test_wrong_files_are_named(tmp_path, content, message):
  with pytest.raises(InputError, match=message):
    load_zoo(_write(tmp_path, content))


def test_missing_file(tmp_path):
  with pytest.raises(InputError, match=r"none\.json: there is no such file"):
    load_zoo(tmp_path / "none.json")


def test_weights_are_read_only_when_loaded(tmp_path):
  (spec,) = load_zoo(_write(tmp_path, {"models": [ENTRY]}))
  assert spec.name == "a"
  with pytest.raises(InputError, match=r"a\.onnx: cannot read"):
    spec.load()
  (tmp_path / "a.onnx").write_bytes(b"something else")
  with pytest.raises(InputError, match=hashlib.sha256(b"something else").hexdigest()):
    spec.load()


def test_the_way_images_are_resized():
  plain = _input_spec("here", ENTRY["input"])
  assert (plain.interpolation, plain.resize) == ("bilinear", None)
  chosen = {"interpolation": "bicubic", "resize": 7}
  found = _input_spec("here", ENTRY["input"] | chosen)
  assert (found.interpolation, found.resize) == ("bicubic", 7)


def test_real_zoo(shared):
  specs = load_zoo(shared / "realzoo" / "zoo.json")
  assert len(specs) == 18
  backbone = next(s for s in specs if s.name == "resnet8_cifar10_mlperf").load()
  assert backbone.num_params == 78666
  assert backbone.input.channels == "rgb"
  assert backbone.licence
