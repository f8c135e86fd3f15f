"""The kinds of input: each with a sound sample, its damage and the door it takes."""

import contextlib
import dataclasses
import io
import pathlib
import random
from collections.abc import Callable

import numpy as np

from experiments.fuzz import mutate, samples

Door = Callable[[pathlib.Path], None]


@dataclasses.dataclass(frozen=True)
class Kind:
  """One kind of input.

  Attributes:
    name: Of the kind.
    sample: Returns a sound one.
    damage: Returns another, damaged.
    door: Reads it as the project does for a user; raises what that raises.
    suffix: Of the file's name.
    share: How many inputs of a hundred are of this kind.
  """

  name: str
  sample: Callable[[], bytes]
  damage: Callable[[bytes, random.Random], bytes]
  door: Door
  suffix: str
  share: int


def _dataset(path: pathlib.Path) -> None:
  from lead_jax.data import load_npz_dataset

  dataset = load_npz_dataset(path)
  if dataset.read_image is not None:
    np.asarray(dataset.read_image(0))


def _features(path: pathlib.Path) -> None:
  from lead_jax.backbones import resolve_models
  from lead_jax.checks import InputError, check_features, encode_labels

  loaded = resolve_models([f"features:{path}"])[0].load()
  check_features(loaded.features)  # type: ignore[union-attr]
  with contextlib.suppress(InputError):
    encode_labels(loaded.labels if loaded.labels is not None else [0])  # type: ignore[union-attr]


def _network(path: pathlib.Path) -> None:
  import jax

  from lead_jax.backbones import InputSpec, load_onnx

  spec = InputSpec(8, 8, "rgb", (0.0,) * 3, (1.0,) * 3, "NCHW")
  loaded = load_onnx(path, name="network", input_spec=spec, features="features")
  image = np.zeros((1, 3, 8, 8), np.float32)
  jax.block_until_ready(jax.jit(loaded.apply)(loaded.params, image))


def _zoo(path: pathlib.Path) -> None:
  from lead_jax.backbones import load_zoo

  load_zoo(path)


def _weights(path: pathlib.Path) -> None:
  from lead_jax.backbones.catalogue import CATALOGUE, WeightSources, catalogue_model

  sources = WeightSources(None, path.parent / "cache", False, False, lambda line: None)
  card = dataclasses.replace(CATALOGUE["densenet121"], network=samples.tiny_network())
  catalogue_model(card, sources, path=path).load()


def _picture(path: pathlib.Path) -> None:
  """A folder of pictures of which one is damaged."""
  from lead_jax.data import load_dataset

  root = path.parent / "pictures"
  if not root.exists():
    samples.write_sound_folder(root)
  place = root / "a" / f"damaged{path.suffix}"
  place.write_bytes(path.read_bytes())
  try:
    dataset = load_dataset(root)
    assert dataset.read_image is not None
    for index in range(len(dataset)):
      dataset.read_image(index)
  finally:
    place.unlink()


def _truth(path: pathlib.Path) -> None:
  from lead_jax.assessment import read_ground_truth

  read_ground_truth(path)


def _report(path: pathlib.Path) -> None:
  from lead_jax import read_report

  assert isinstance(read_report(path).plan.key, str)


def _command(path: pathlib.Path) -> None:
  """Everything that is checked before the first image is read; what is left fails."""
  from lead_jax.checks import InputError
  from lead_jax.commands import rank

  given = path.read_bytes().decode("utf-8", "surrogateescape").replace("\0", "0")
  argv = ["lead-rank", "digits", *given.splitlines()]
  nowhere = path.parent / "nowhere.csv"
  argv += [f"--cache_dir={path.parent}", f"--ground_truth={nowhere}"]
  said = io.StringIO()
  with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
    code = rank.main(argv)
  if code == 2:
    # Progress stands before it.
    *before, last = said.getvalue().strip().splitlines()
    assert last.startswith("lead-rank: "), last
    assert not any("Traceback" in line for line in before), "a traceback"
    raise InputError(last)
  assert code == 0, f"exit code {code}"


def _damaged_command(content: bytes, rng: random.Random) -> bytes:
  lines = content.decode().splitlines()
  index = rng.randrange(len(lines))
  name = lines[index].partition("=")[0]
  value = str(mutate.odd_value(rng)).replace("\n", " ")
  lines[index] = rng.choice(
    (f"{name}={value}", name, f"--{value}", f"{lines[index]},,")
  )
  return "\n".join(lines).encode("utf-8", "surrogateescape")


KINDS: dict[str, Kind] = {
  kind.name: kind
  for kind in (
    Kind("npz", samples.npz_images, mutate.damage_zip, _dataset, ".npz", 16),
    Kind("features", samples.npz_features, mutate.damage_zip, _features, ".npz", 14),
    Kind("onnx", samples.onnx_network, mutate.damage_onnx, _network, ".onnx", 6),
    Kind("zoo", samples.zoo_file, mutate.damage_json, _zoo, ".json", 14),
    Kind(
      "safetensors",
      samples.safetensors_file,
      mutate.damage_safetensors,
      _weights,
      ".safetensors",
      6,
    ),
    Kind("torch", samples.torch_checkpoint, mutate.damage_zip, _weights, ".pth", 6),
    Kind("png", samples.png, mutate.damage_bytes, _picture, ".png", 4),
    Kind("jpeg", samples.jpeg, mutate.damage_bytes, _picture, ".jpg", 4),
    Kind("gif", samples.gif, mutate.damage_bytes, _picture, ".gif", 2),
    Kind("tiff", samples.tiff, mutate.damage_bytes, _picture, ".tiff", 2),
    Kind("truth", samples.truth, mutate.damage_csv, _truth, ".csv", 12),
    Kind("report", samples.report, mutate.damage_json, _report, ".json", 12),
    Kind("command", samples.command_line, _damaged_command, _command, ".txt", 2),
  )
}
