"""An ONNX file and the weights that lie outside it, read and hashed as one.

A tensor may name bytes of another file, wherever tensors stand: among the weights, in an
attribute of any node, of any subgraph, of any function. All of them are found, read from
the model's own folder, hashed in the order in which they are read, and put in place, so
that nothing later looks outside the file again.
"""

import dataclasses
import hashlib
import math
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lead_jax.backbones._onnx_operators._allowance import Allowance
from lead_jax.checks import InputError, one_line, shown
from lead_jax.system import open_regular

if TYPE_CHECKING:
  import onnx

# Types of fewer than eight bits, packed.
_BITS = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2}

_AGAIN = "fetch or export it again"


@dataclasses.dataclass(frozen=True)
class OnnxFile:
  """A parsed file.

  Attributes:
    model: With all weights inside.
    digest: SHA-256 (hex) of the file and of every outside byte that was read.
    allowance: What the file may make of itself, in proportion to all that was read.
  """

  model: "onnx.ModelProto"
  digest: str
  allowance: Allowance


def read_onnx(
  path: pathlib.Path, *, sha256: str | None = None, budget: int = 1
) -> OnnxFile:
  """Reads an ONNX file with the weights outside it.

  Args:
    path: The file; outside weights lie in its folder or below.
    sha256: The file's expected SHA-256 (hex), or None to accept any.
    budget: Of its `Allowance`.

  Raises:
    InputError: If the file is missing, damaged or not the expected one, or weights
      outside it are missing, short, or outside its folder.
  """
  import onnx
  from google.protobuf.message import DecodeError

  try:
    with open_regular(path) as file:
      content = file.read()
  except OSError as error:
    raise InputError(
      f"{path}: cannot read the ONNX file ({error.strerror}); check the path"
    ) from error
  digest = hashlib.sha256(content).hexdigest()
  if sha256 is not None and digest != sha256.lower():
    raise InputError(
      f"{path}: its SHA-256 is {digest} but {sha256} was expected; fetch the file again "
      "or correct the expected hash (in zoo.json)"
    )
  try:
    model = onnx.load_model_from_string(content)
  except (DecodeError, ValueError) as error:
    raise InputError(
      f"{path}: not an ONNX file, or cut short; fetch or export it again"
    ) from error
  tensors = list(_tensors(model, path))
  if not model.graph.node:
    raise InputError(
      f"{path}: not an ONNX file, or an empty one (it holds no network); {_AGAIN}"
    )
  outside = [t for t in tensors if t.data_location == onnx.TensorProto.EXTERNAL]
  if not outside:
    return OnnxFile(model, digest, Allowance(len(content), str(path), budget))
  files = {
    place: _inside(path, place) for place in {_place(t, path)[0] for t in outside}
  }
  sizes = {place: file.stat().st_size for place, file in files.items()}
  allowance = Allowance(len(content) + sum(sizes.values()), str(path), budget)
  read = hashlib.sha256(digest.encode())
  for tensor in outside:
    place, start, length = _place(tensor, path)
    if start + length > sizes[place]:
      raise InputError(
        f"{path}: its weights {shown(tensor.name)!r} are bytes {start} to "
        f"{start + length} of {shown(place)}, which has {sizes[place]}: that file is cut "
        "short or another one; fetch it again"
      )
    allowance.spend(length, f"weights {shown(tensor.name)!r} outside the file")
    data = _bytes(path, files[place], start, length)
    read.update(length.to_bytes(8, "big") + data)
    tensor.raw_data = data
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]
  return OnnxFile(model, read.hexdigest(), allowance)


def _tensors(model: Any, path: pathlib.Path) -> Iterator["onnx.TensorProto"]:
  """Every tensor of a file, wherever it stands, in a fixed order.

  Raises:
    InputError: If a text is not UTF-8: protobuf hands such on as bytes.
  """
  left = [model]
  while left:
    message = left.pop()
    if message.DESCRIPTOR.full_name == "onnx.TensorProto":
      yield message
    for field, value in reversed(message.ListFields()):
      if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
        continue
      single = isinstance(value, str | bytes) or hasattr(value, "ListFields")
      items = (value,) if single else value
      if field.type == field.TYPE_MESSAGE:
        left.extend(reversed(items))
      elif any(isinstance(item, bytes) for item in items):
        raise InputError(
          f"{path}: not an ONNX file, or damaged (a name in it is no text); {_AGAIN}"
        )


def _place(tensor: "onnx.TensorProto", path: pathlib.Path) -> tuple[str, int, int]:
  """Which file a tensor's bytes are in, where they begin, how many they are."""
  import onnx

  name = shown(tensor.name)
  said = {entry.key: entry.value for entry in tensor.external_data}
  try:
    kind = onnx.TensorProto.DataType.Name(tensor.data_type)
    width = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    bits = math.prod(tensor.dims) * _BITS.get(kind, 8 * width)
    start = _count(said.get("offset", "0"))
    length = _count(said["length"]) if "length" in said else -(-bits // 8)
  except (LookupError, TypeError, ValueError) as error:
    raise InputError(
      f"{path}: where its weights {name!r} lie cannot be read ({one_line(error)}); "
      f"{_AGAIN}"
    ) from error
  if kind == "STRING" or min(tensor.dims, default=1) < 0 or length != -(-bits // 8):
    raise InputError(
      f"{path}: its weights {name!r} of type {kind} and sizes {list(tensor.dims)} are "
      f"said to be {length} bytes of another file; {_AGAIN}"
    )
  return said.get("location", ""), start, length


def _count(text: str) -> int:
  if not (text.isascii() and text.isdigit() and len(text) < 19):
    raise ValueError(f"{shown(text, most=30)!r} is no number of bytes")
  return int(text)


def _inside(path: pathlib.Path, place: str) -> pathlib.Path:
  """The file beside the model, or below its folder; links are followed first.

  Raises:
    InputError: If it is elsewhere, missing, or no ordinary file.
  """
  name = shown(place)
  ways = [pathlib.PurePosixPath(place), pathlib.PureWindowsPath(place)]
  if (
    not place.strip()
    or "\0" in place
    or any(way.is_absolute() or way.drive or ".." in way.parts for way in ways)
  ):
    raise InputError(
      f"{path}: its weights are in {name!r}, not in its own folder: nothing else is "
      "read; put them beside it and save it with their plain name"
    )
  try:
    file = (path.parent / place).resolve(strict=True)
    folder = path.parent.resolve(strict=True)
  except (OSError, RuntimeError) as error:
    raise InputError(
      f"{path}: its weights are in {name}, which must lie beside it and cannot be read "
      f"({one_line(error, most=80)}); fetch that file too"
    ) from error
  if not file.is_relative_to(folder):
    raise InputError(
      f"{path}: its weights are in {name}, a link to outside its folder: nothing there "
      "is read; put a copy beside the model"
    )
  if not file.is_file():
    raise InputError(
      f"{path}: its weights are in {name}, which is no file; fetch that file too"
    )
  return file


def _bytes(path: pathlib.Path, file: pathlib.Path, start: int, length: int) -> bytes:
  try:
    with file.open("rb") as stream:
      stream.seek(start)
      data = stream.read(length)
  except OSError as error:
    raise InputError(
      f"{path}: its weights in {file.name} cannot be read ({error.strerror}); fetch "
      "that file again"
    ) from error
  if len(data) < length:
    raise InputError(
      f"{path}: its weights in {file.name} became shorter while they were read; run "
      "again when the file is whole"
    )
  return data
