"""The folder that the pages speak of: photographs, a zoo of tiny networks, their truth."""

import hashlib
import json
import pathlib

import numpy as np
from PIL import Image

CLASSES = ("daisy", "rose", "tulip")
MODELS = {"mobilenet": 1, "squeezenet": 2, "resnet": 3}
INPUT = {
  "height": 24,
  "width": 24,
  "channels": "rgb",
  "layout": "NCHW",
  "mean": [123.675, 116.28, 103.53],
  "std": [58.395, 57.12, 57.375],
}


def make_folder(folder: pathlib.Path) -> None:
  """Fills a folder with all that the blocks of the pages take for granted."""
  _photographs(folder / "photos", seed=0)
  _photographs(folder / "imagenet_val", seed=1)
  entries = [_network(folder, name, seed) for name, seed in MODELS.items()]
  (folder / "zoo.json").write_text(json.dumps({"models": entries}))
  # What the page on one's own models exports, for machines without torch.
  (folder / "mine.onnx").write_bytes((folder / "mobilenet.onnx").read_bytes())
  truth = "model,dataset,accuracy\nmobilenet,photos,91.2\nsqueezenet,photos,84.7\n"
  (folder / "ground_truth.csv").write_text(f"{truth}resnet,photos,88.0\n")


def _photographs(folder: pathlib.Path, seed: int) -> None:
  """Ten of each class: a colour of the class, in the noise."""
  rng = np.random.default_rng(seed)
  for index, name in enumerate(CLASSES):
    (folder / name).mkdir(parents=True)
    colour = 110 + 30 * np.eye(3)[index]
    for number in range(10):
      pixels = colour + rng.normal(size=(24, 32, 3)) * 20 + rng.normal(size=3) * 15
      image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
      image.save(folder / name / f"{number:03}.png")


def _network(folder: pathlib.Path, name: str, seed: int) -> dict:
  """Writes one random convolution with a classifier; returns its line of the zoo file."""
  from onnx import TensorProto, numpy_helper
  from onnx.helper import (
    make_graph,
    make_model,
    make_node,
    make_opsetid,
    make_tensor_value_info as info,
  )

  rng = np.random.default_rng(seed)
  shapes = {"w": (16, 3, 3, 3), "b": (16,), "head": (16, 10)}
  weights = {k: rng.normal(size=v).astype(np.float32) for k, v in shapes.items()}
  nodes = [
    make_node("Conv", ["x", "w", "b"], ["y"], strides=[3, 3]),
    make_node("Relu", ["y"], ["z"]),
    make_node("GlobalAveragePool", ["z"], ["pooled"]),
    make_node("Flatten", ["pooled"], ["features"]),
    make_node("MatMul", ["features", "head"], ["logits"]),
  ]
  graph = make_graph(
    nodes,
    name,
    [info("x", TensorProto.FLOAT, ("N", 3, "H", "W"))],
    [info(output, TensorProto.FLOAT, None) for output in ("features", "logits")],
    [numpy_helper.from_array(value, key) for key, value in weights.items()],
  )
  model = make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=8)
  content = model.SerializeToString()
  (folder / f"{name}.onnx").write_bytes(content)
  return {
    "name": name,
    "file": f"{name}.onnx",
    "sha256": hashlib.sha256(content).hexdigest(),
    "input": INPUT,
    "logits": "logits",
    "params": sum(value.size for value in weights.values()),
  }
