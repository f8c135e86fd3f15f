"""One sound input of each kind, small, made of nothing but a seed."""

import dataclasses
import functools
import io
import json
import pathlib
from typing import Any

import numpy as np

_RNG_SEED = 3


def _arrays() -> dict[str, Any]:
  rng = np.random.default_rng(_RNG_SEED)
  return {
    "features": rng.normal(size=(12, 5)).astype(np.float32),
    "images": rng.integers(0, 256, (12, 8, 8, 3)).astype(np.uint8),
    "labels": np.array(["cat", "dog", "hen"])[np.arange(12) % 3],
    "split": np.array(["train", "test"])[np.arange(12) // 9],
  }


def _npz(*names: str, **more: Any) -> bytes:
  arrays = _arrays()
  buffer = io.BytesIO()
  np.savez(buffer, **{name: arrays[name] for name in names}, **more)
  return buffer.getvalue()


def npz_images() -> bytes:
  """A data set of images."""
  return _npz("images", "labels", "split")


def npz_features() -> bytes:
  """Features with what may stand beside them."""
  probs = np.full((12, 4), 0.25, np.float32)
  return _npz("features", "labels", source_probs=probs)


def onnx_network() -> bytes:
  """A convolution, a pooling and a classifier."""
  from onnx import TensorProto, helper, numpy_helper

  rng = np.random.default_rng(_RNG_SEED)
  weights = {
    "w": rng.normal(size=(4, 3, 3, 3)),
    "b": rng.normal(size=4),
    "head": rng.normal(size=(5, 4)),
  }
  shape = numpy_helper.from_array(np.array([0, -1]), "shape")
  node = helper.make_node
  graph = helper.make_graph(
    [
      node("Conv", ["x", "w", "b"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
      node("Relu", ["c"], ["r"]),
      node("MaxPool", ["r"], ["m"], kernel_shape=[2, 2], strides=[1, 1]),
      node("Transpose", ["m"], ["t"], perm=[0, 1, 3, 2]),
      node("GlobalAveragePool", ["t"], ["p"]),
      node("Reshape", ["p", "shape"], ["features"]),
      node("Gemm", ["features", "head"], ["logits"], transB=1),
      node("Softmax", ["logits"], ["probs"], axis=-1),
    ],
    "network",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])],
    [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
    [
      shape,
      *(numpy_helper.from_array(v.astype(np.float32), n) for n, v in weights.items()),
    ],
  )
  opset = [helper.make_opsetid("", 17)]
  model = helper.make_model(graph, opset_imports=opset, ir_version=8)
  return bytes(model.SerializeToString())


def zoo_file() -> bytes:
  """Two models; their weights are not read with the file."""
  entry = {
    "name": "a",
    "file": "a.onnx",
    "sha256": "0" * 64,
    "features": "features",
    "logits": "logits",
    "params": 100,
    "stated_top1": 71.5,
    "architecture": "ResNet-18",
    "pretraining": "ImageNet",
    "source": "here",
    "licence": "MIT",
    "input": {
      "height": 8,
      "width": 8,
      "channels": "rgb",
      "layout": "NCHW",
      "mean": [123.7, 116.3, 103.5],
      "std": [58.4, 57.1, 57.4],
      "interpolation": "bicubic",
      "resize": 9,
    },
  }
  return json.dumps({"models": [entry, {**entry, "name": "b"}]}).encode()


@functools.cache
def tiny_network() -> str:
  """Registers a DenseNet of two layers, so small that thousands of files take seconds."""
  from lead_jax.backbones import networks

  full = networks.NETWORKS["densenet121"]
  make = functools.partial(full.make, growth=2, depths=(1, 1), width=4)
  tiny = dataclasses.replace(full, make=make, feature_dim=4, size=32)
  networks.NETWORKS["tiny"] = tiny  # type: ignore[index]
  return "tiny"


@functools.cache
def _weights() -> dict[str, Any]:
  """Tensors of the network in half precision, as a published file names them."""
  from flax.traverse_util import flatten_dict, unflatten_dict

  from lead_jax.backbones import networks

  rng = np.random.default_rng(_RNG_SEED)
  shapes = flatten_dict(networks.weight_shapes(tiny_network(), 5))
  values = {path: rng.uniform(0.1, 1.0, leaf.shape) for path, leaf in shapes.items()}
  tensors = networks.to_tensors(tiny_network(), unflatten_dict(values))
  return {name: value.astype(np.float16) for name, value in tensors.items()}


def safetensors_file() -> bytes:
  """A few tensors."""
  import safetensors.numpy

  return bytes(safetensors.numpy.save(_weights(), {"format": "pt"}))


def torch_checkpoint() -> bytes:
  """The same as `torch.save` writes them; as a pickle of arrays without torch."""
  buffer = io.BytesIO()
  try:
    import torch
  except ImportError:
    import pickle

    pickle.dump(_weights(), buffer)
  else:
    tensors = {name: torch.from_numpy(value) for name, value in _weights().items()}
    torch.save({"state_dict": tensors, "epoch": 3}, buffer)
  return buffer.getvalue()


def _image(format_: str) -> bytes:
  from PIL import Image

  buffer = io.BytesIO()
  picture = Image.fromarray(_arrays()["images"][0]).resize((24, 16))
  picture.save(buffer, format_)
  return buffer.getvalue()


def png() -> bytes:
  """A picture."""
  return _image("PNG")


def jpeg() -> bytes:
  """A picture."""
  return _image("JPEG")


def gif() -> bytes:
  """A picture."""
  return _image("GIF")


def tiff() -> bytes:
  """A picture."""
  return _image("TIFF")


def truth() -> bytes:
  """Accuracies of three models on two data sets."""
  rows = ["model,dataset,accuracy,measure,seeds,std"]
  for dataset in ("birds", "cars"):
    rows += [f"m{i},{dataset},{70 + i}.5,top-1 %,3,0.4" for i in range(3)]
  return "\n".join(rows).encode()


def report() -> bytes:
  """A report of two models under two metrics, one of them failed."""
  from lead_jax.results import ModelRow, Plan, Report, ScoreRow, report_json

  dataset = {"name": "d", "split": "train", "samples": 12, "classes": 2}
  plan = Plan(dataset, models=["a", "b"], metrics=["lead", "knn"], seed=3)
  scores = [
    ScoreRow(m, s, 0.25 * (m == "a"), 1 + (m == "b"), "ok", details={"t": 1.5})
    for s in plan.metrics
    for m in plan.models
  ]
  models = [ModelRow(m, "ok", num_params=10, seconds={"load": 0.1}) for m in "ab"]
  return report_json(Report(plan=plan, models=models, scores=scores)).encode()


def command_line() -> bytes:
  """Flags of `lead-rank`, one a line."""
  flags = {
    "seed": "3",
    "batch_size": "16",
    "resamples": "10",
    "split": "test",
    "metrics": "lead,knn",
    "models": "digits",
    "option": "knn.k=3",
    "precision": "float32",
    "reference": "digits",
  }
  return "\n".join(f"--{name}={value}" for name, value in flags.items()).encode()


def write_sound_folder(root: pathlib.Path) -> None:
  """Writes two classes of two pictures each."""
  for name in ("a", "b"):
    (root / name).mkdir(parents=True, exist_ok=True)
    for index in range(2):
      (root / name / f"{index}.png").write_bytes(png())
