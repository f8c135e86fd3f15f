"""Any ONNX file as a backbone: a pure JAX function and its parameters.

The file is parsed, not executed, and nothing in it is unpickled. Its network runs on
whatever JAX runs on, is compiled for the shapes that it meets, and is differentiable in
its parameters, so that a network from any framework can be fine-tuned as well as
scored. What this cannot run is refused when the file is loaded, all of it in one line.
"""

import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.backbones._backbone import Backbone, Params
from lead_jax.backbones._input_spec import InputSpec
from lead_jax.backbones._pooling import check_pooling
from lead_jax.checks import InputError
from lead_jax.system import canonical_json

if TYPE_CHECKING:
  import onnx

# Part of every key of features: to be raised whenever an ONNX file gives other numbers
# than before, by an operator or by how its values become rows.
READER_VERSION = 3

# Images of the trace at loading: a size that no axis of a network has.
_TRACED = 61


def load_onnx(
  path: str | pathlib.Path,
  *,
  name: str,
  input_spec: InputSpec,
  features: str = "features",
  logits: str | None = None,
  pooling: str | None = None,
  sha256: str | None = None,
  num_params: int | None = None,
  architecture: str = "",
  pretraining: str = "",
  source: str = "",
  licence: str = "",
  network_budget: int = 1,
) -> Backbone:
  """Reads an ONNX file as a backbone.

  Parameters are the floating-point arrays of the file that training would change, under
  their names in the file (a half-precision weight behind a Cast in single precision).
  Scalars, clipping bounds and batch normalisation's running statistics are constants.

  Args:
    path: The file; weights outside it lie in its folder. Its network has one input. Where
      a batch of 1 is written into it, or an operator takes statistics of the whole batch
      (dynamic quantisation), images are mapped over one by one.
    name: As the report prints it.
    input_spec: How images are prepared; `layout` is that of the network's input.
    features: Name of the value to use as features [N, D]: an output of the network or
      any value inside it; axes of size 1 are dropped.
    logits: Name of the value that holds source-class logits [N, Z], or None.
    pooling: Of features [N, T, D], `cls` (the first token) or `mean` (over tokens); of
      features [N, C, H, W], or [N, H, W, C] where `layout` is NHWC, `gap` (the mean over
      height and width). None where they are [N, D].
    sha256: The file's expected SHA-256 (hex), or None to accept any.
    num_params: As published; counted if None.
    architecture: One line for people.
    pretraining: What the network was pre-trained on.
    source: Where the weights come from.
    licence: Licence of the weights.
    network_budget: Factor of the memory, time and steps that a file may ask for, which
      are in proportion to its size and the machine.

  Returns:
    The backbone; `apply` gives `features` and, where asked for, `logits`.

  Raises:
    InputError: If the file is missing, broken, not the expected one, does not hold what
      is asked for, does not fit `input_spec`, uses what is not supported, or asks for
      too much.
  """
  path = pathlib.Path(path)
  from lead_jax.backbones._onnx_decode import decode
  from lead_jax.backbones._onnx_file import read_onnx
  from lead_jax.backbones._onnx_operators._constants import check_arrays
  from lead_jax.backbones._onnx_operators._graph import build
  from lead_jax.backbones._onnx_operators._operators import ACROSS_IMAGES
  from lead_jax.backbones._onnx_rows import check_value, rows

  check_pooling(pooling, str(path))
  file = read_onnx(path, sha256=sha256, budget=network_budget)
  decoded = decode(file.model, str(path), file.allowance)
  wanted = {"features": features} | ({} if logits is None else {"logits": logits})
  for key, value in wanted.items():
    check_value(value, key, decoded, str(path))
  graph = build(
    decoded.nodes,
    decoded.initialisers,
    decoded.inputs,
    tuple(wanted.values()),
    str(path),
    file.allowance,
  )
  if len(graph.inputs) != 1:
    raise InputError(
      f"{path}: a backbone has one input, this network has {len(graph.inputs)}: "
      f"{', '.join(graph.inputs) or 'none'}"
    )
  fixed, dtype = _check_input(file.model, graph.inputs[0], input_spec, path)
  fixed |= any(node.op_type in ACROSS_IMAGES for node in graph.steps())
  check_arrays(graph)
  try:
    input_spec.check_type(dtype)
  except InputError as error:
    raise InputError(f"{path}: {error}") from None

  def network(params, x, apart):
    if dtype.kind in "iu":
      x = jnp.round(x)  # gray is a weighted sum of three colours
    x = x if dtype == np.float32 else x.astype(dtype)
    return graph.run(params, [x], wanted.values(), apart=apart)

  def apply(
    params: Params, x: Any, *, mapped: bool, apart: bool = False
  ) -> Mapping[str, Any]:
    if mapped:
      alone = functools.partial(network, apart=False)
      values = jax.vmap(alone, in_axes=(None, 0))(params, x[:, None])
      # Each image was a batch of one.
      values = [v.squeeze(1) if v.shape[1:2] == (1,) else v for v in values]
    else:
      values = network(params, x, apart)
    return {
      key: rows(
        value,
        x.shape[0],
        f"{path}: {key} '{wanted[key]}'",
        decoded.outputs,
        pooling=pooling if key == "features" else None,
        layout=input_spec.layout,
      )
      for key, value in zip(wanted, values, strict=True)
    }

  # Unlike jnp.asarray, this compiles nothing for every new shape.
  params = {label: jax.device_put(value) for label, value in graph.initial.items()}
  size = (input_spec.height, input_spec.width)
  channels = (1 if input_spec.channels == "gray" else 3,)
  shape = channels + size if input_spec.layout == "NCHW" else size + channels
  images = jax.ShapeDtypeStruct((_TRACED, *shape), np.float32)
  mapped = _is_mapped(apply, params, images, fixed)
  count = sum(value.size for value in params.values())
  return Backbone(
    name=name,
    apply=functools.partial(apply, mapped=mapped),
    params=params,
    input=input_spec,
    weights_hash=file.digest,
    feature_point=canonical_json(
      {**wanted, "pooling": pooling, "mapped": mapped, "reader": READER_VERSION}
    ).decode(),
    num_params=count if num_params is None else num_params,
    architecture=architecture,
    pretraining=pretraining,
    source=source,
    licence=licence,
  )


def to_jax(
  model: "onnx.ModelProto | str | pathlib.Path",
) -> tuple[Callable[..., tuple[Any, ...]], dict[str, jax.Array]]:
  """Returns a whole ONNX graph, all its inputs and outputs, as a JAX function.

  Args:
    model: A parsed model, or the file that holds it.

  Returns:
    `apply(params, *inputs)` -> a tuple of all outputs, and `params`. Inputs that decide
    shapes must be given as NumPy arrays; outputs that follow from shapes alone come
    back as such.

  Raises:
    InputError: As `load_onnx`.
  """
  from lead_jax.backbones._onnx_decode import decode
  from lead_jax.backbones._onnx_file import read_onnx
  from lead_jax.backbones._onnx_operators._allowance import Allowance
  from lead_jax.backbones._onnx_operators._graph import build

  label = "the ONNX model"
  if isinstance(model, str | pathlib.Path):
    label = str(model)
    file = read_onnx(pathlib.Path(model))
    model, allowance = file.model, file.allowance
  else:
    allowance = Allowance(model.ByteSize(), label)
  decoded = decode(model, label, allowance)
  outputs = decoded.outputs
  graph = build(
    decoded.nodes, decoded.initialisers, decoded.inputs, outputs, label, allowance
  )

  def apply(params: Params, *inputs: Any) -> tuple[Any, ...]:
    return tuple(graph.run(params, inputs, outputs))

  return apply, {name: jax.device_put(value) for name, value in graph.initial.items()}


def _is_mapped(
  apply: Callable[..., Any], params: Params, images: Any, fixed: bool
) -> bool:
  """Returns whether images have to be mapped over, by traces without arithmetic.

  Whatever does not fit shows here, not in the middle of a run over many models.

  Args:
    apply: The network, with `mapped` and `apart`.
    params: Its parameters.
    images: Shape and type of a batch.
    fixed: Whether the file says that its batch is 1, or images would see each other.

  Raises:
    InputError: If the network runs neither way.
  """
  from lead_jax.backbones._onnx_operators._run import MixedImages

  def trace(mapped: bool) -> None:
    jax.eval_shape(
      functools.partial(apply, mapped=mapped, apart=not mapped), params, images
    )

  if fixed:
    trace(True)
    return True
  try:
    trace(False)
  except InputError as error:
    try:
      trace(True)
    except InputError as alone:
      raise (alone if isinstance(error, MixedImages) else error) from None
    return True
  return False


def _check_input(model, name, spec: InputSpec, path) -> tuple[bool, np.dtype]:
  """Returns whether the batch axis is fixed at 1, and the input's type.

  Raises:
    InputError: If a size that the file fixes is not that of `spec`.
  """
  import onnx

  kind = next(i for i in model.graph.input if i.name == name).type.tensor_type
  try:
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
  except (LookupError, TypeError, ValueError):
    raise InputError(
      f"{path}: its input {name!r} has the unknown type {kind.elem_type}; export it again"
    ) from None
  sizes = [d.dim_value for d in kind.shape.dim]  # 0 where symbolic
  if not sizes:
    return False, dtype
  channels = 1 if spec.channels == "gray" else 3
  image = [("height", spec.height), ("width", spec.width)]
  stated = [("channels", channels), *image] if spec.layout == "NCHW" else [
    *image, ("channels", channels)
  ]  # fmt: skip
  if len(sizes) != 4:
    raise InputError(
      f"{path}: its input '{name}' has {len(sizes)} axes; images have 4 ({spec.layout})"
    )
  for (what, given), fixed in zip(stated, sizes[1:], strict=True):
    if fixed and fixed != given:
      raise InputError(
        f"{path}: its input '{name}' has {what} {fixed}, but the model's input is said "
        f"to have {what} {given} ({spec.layout}); correct the input's description"
      )
  if sizes[0] > 1:
    raise InputError(
      f"{path}: its batch size is fixed at {sizes[0]}; export it with a batch axis that "
      "may vary"
    )
  return sizes[0] == 1, dtype
