"""Any ONNX file as a backbone: a pure JAX function and its parameters.

The file is parsed, not executed, and nothing in it is unpickled. Its network runs on
whatever JAX runs on, is compiled for the shapes that it meets, and is differentiable in
its parameters, so that a network from any framework can be fine-tuned as well as
scored. What this cannot run is refused when the file is loaded, all of it in one line.
"""

import hashlib
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from lead_jax.backbones._backbone import Backbone, Params
from lead_jax.backbones._input_spec import InputSpec
from lead_jax.checks import InputError, one_line
from lead_jax.system import file_digest

if TYPE_CHECKING:
  import onnx

  from lead_jax.backbones._onnx_operators._graph import Graph


def load_onnx(
  path: str | pathlib.Path,
  *,
  name: str,
  input_spec: InputSpec,
  features: str = "features",
  logits: str | None = None,
  sha256: str | None = None,
  num_params: int | None = None,
  architecture: str = "",
  pretraining: str = "",
  source: str = "",
  licence: str = "",
) -> Backbone:
  """Reads an ONNX file as a backbone.

  Parameters are the floating-point arrays of the file that training would change, under
  their names in the file (a half-precision weight behind a Cast in single precision).
  Scalars, clipping bounds and batch normalisation's running statistics are constants.

  Args:
    path: The file. Its network has one input; a batch axis fixed at 1 is mapped over,
      and so is one whose images an operator would mix (dynamic quantisation).
    name: As the report prints it.
    input_spec: How images are prepared; `layout` is that of the network's input.
    features: Name of the value to use as features [N, D]: an output of the network or
      any value inside it; trailing axes of size 1 are dropped.
    logits: Name of the value that holds source-class logits [N, Z], or None.
    sha256: The file's expected SHA-256 (hex), or None to accept any.
    num_params: As published; counted if None.
    architecture: One line for people.
    pretraining: What the network was pre-trained on.
    source: Where the weights come from.
    licence: Licence of the weights.

  Returns:
    The backbone; `apply` gives `features` and, where asked for, `logits`.

  Raises:
    InputError: If the file is missing, broken, not the expected one, does not hold what
      is asked for, does not fit `input_spec`, or uses what is not supported.
  """
  path = pathlib.Path(path)
  from lead_jax.backbones._onnx_operators._constants import check_arrays
  from lead_jax.backbones._onnx_operators._operators import (
    ACROSS_IMAGES,
    REVISIONS,
  )

  model, weights_hash = _read(path, sha256)
  wanted = {"features": features} | ({} if logits is None else {"logits": logits})
  graph = _graph(model, str(path), tuple(wanted.values()))
  if len(graph.inputs) != 1:
    raise InputError(
      f"{path}: a backbone has one input, this network has {len(graph.inputs)}: "
      f"{', '.join(graph.inputs) or 'none'}"
    )
  mapped, dtype = _check_input(model, graph.inputs[0], input_spec, path)
  used = {node.op_type for node in graph.nodes}
  mapped |= not used.isdisjoint(ACROSS_IMAGES)
  revisions = "".join(f",{o}={r}" for o, r in REVISIONS.items() if o in used)

  def network(params, x):
    if dtype.kind in "iu":
      x = jnp.round(x)  # gray is a weighted sum of three colours
    x = x if dtype == np.float32 else x.astype(dtype)
    return graph.run(params, [x], wanted_names)

  check_arrays(graph)
  try:
    input_spec.check_type(dtype)
  except InputError as error:
    raise InputError(f"{path}: {error}") from None
  wanted_names = tuple(wanted.values())

  def apply(params: Params, x: Any) -> dict[str, Any]:
    if mapped:
      values = jax.vmap(network, in_axes=(None, 0))(params, x[:, None])
    else:
      values = network(params, x)
    return {
      key: _flat(value, x.shape[0], f"{path}: {key} '{wanted[key]}'", model)
      for key, value in zip(wanted, values, strict=True)
    }

  # Unlike jnp.asarray, this compiles nothing for every new shape.
  params = {label: jax.device_put(value) for label, value in graph.initial.items()}
  size = (input_spec.height, input_spec.width)
  channels = (1 if input_spec.channels == "gray" else 3,)
  shape = channels + size if input_spec.layout == "NCHW" else size + channels
  # A trace without arithmetic: whatever does not fit shows now, not in the middle of a
  # run over many models.
  jax.eval_shape(apply, params, jax.ShapeDtypeStruct((2, *shape), np.float32))
  count = sum(value.size for value in params.values())
  return Backbone(
    name=name,
    apply=apply,
    params=params,
    input=input_spec,
    weights_hash=weights_hash,
    feature_point=f"{features},{logits}{revisions}",
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
  label = "the ONNX model"
  if isinstance(model, str | pathlib.Path):
    label = str(model)
    model, _ = _read(pathlib.Path(model), None)
  outputs = tuple(output.name for output in model.graph.output)
  graph = _graph(model, label, outputs)

  def apply(params: Params, *inputs: Any) -> tuple[Any, ...]:
    return tuple(graph.run(params, inputs, outputs))

  return apply, {name: jax.device_put(value) for name, value in graph.initial.items()}


def _read(path: pathlib.Path, sha256: str | None) -> tuple["onnx.ModelProto", str]:
  """Returns the parsed file, weights beside it included, and the hash of it all."""
  import onnx
  from google.protobuf.message import DecodeError
  from onnx.external_data_helper import (
    ExternalDataInfo,
    load_external_data_for_model,
    uses_external_data,
  )

  try:
    content = path.read_bytes()
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
  if _has_broken_text(model):
    raise InputError(
      f"{path}: not an ONNX file, or damaged (a name in it is no text); fetch or export "
      "it again"
    )
  if not model.graph.node:
    raise InputError(
      f"{path}: not an ONNX file, or an empty one (it holds no network); fetch or "
      "export it again"
    )
  outside = {
    ExternalDataInfo(tensor).location
    for tensor in model.graph.initializer
    if uses_external_data(tensor)
  }
  if not outside:
    return model, digest
  try:
    load_external_data_for_model(model, str(path.parent))
    for place in sorted(outside):
      digest += file_digest(path.parent / place)
  except (OSError, ValueError, onnx.checker.ValidationError) as error:
    raise InputError(
      f"{path}: its weights are in {', '.join(sorted(outside))}, which must lie beside "
      "it and cannot be read; fetch that file too"
    ) from error
  return model, hashlib.sha256(digest.encode()).hexdigest()


def _has_broken_text(message: Any) -> bool:
  """Whether a text of a file is not UTF-8: protobuf hands such on as bytes."""
  for field, value in message.ListFields():
    if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
      continue
    single = isinstance(value, str | bytes) or hasattr(value, "ListFields")
    for item in (value,) if single else value:
      if isinstance(item, bytes):
        return True
      if not isinstance(item, str) and _has_broken_text(item):
        return True
  return False


def _graph(model: "onnx.ModelProto", source: str, outputs: Sequence[str]) -> "Graph":
  """Decodes the model and keeps what the wanted outputs need."""
  import onnx.inliner

  from lead_jax.backbones._onnx_operators._graph import build
  from lead_jax.backbones._onnx_operators._node import Node
  from lead_jax.backbones._onnx_operators._operators import OLDEST_OPSET

  if model.functions:
    model = onnx.inliner.inline_local_functions(model)
  opset = max((o.version for o in model.opset_import if not o.domain), default=1)
  if opset < OLDEST_OPSET:
    raise InputError(
      f"{source}: opset {opset} is older than {OLDEST_OPSET}; convert it with "
      "onnx.version_converter.convert_version"
    )
  nodes = []
  for step in model.graph.node:
    domain = "" if step.domain in ("", "ai.onnx") else f"{step.domain}."
    nodes.append(
      Node(
        op_type=domain + step.op_type,
        name=step.name or (step.output[0] if step.output else ""),
        inputs=tuple(step.input),
        outputs=tuple(step.output),
        attributes=_attributes(step, source),
        opset=opset,
      )
    )
  try:
    initialisers = {
      tensor.name: onnx.numpy_helper.to_array(tensor)
      for tensor in model.graph.initializer
    }
  except (LookupError, ValueError, TypeError) as error:
    raise InputError(
      f"{source}: an array of weights is cut short or of an unknown type ({error}); "
      "fetch or export the file again"
    ) from error
  inputs = [i.name for i in model.graph.input if i.name not in initialisers]
  known = {name for node in nodes for name in node.outputs} | set(inputs)
  for output in outputs:
    if output not in known | set(initialisers):
      raise InputError(
        f"{source}: holds no value called '{output}'; its outputs are "
        f"{_outputs(model)}, and any value inside the network may be named too"
      )
  return build(nodes, initialisers, inputs, outputs, source)


def _attributes(step: "onnx.NodeProto", source: str) -> dict[str, Any]:
  """A node's attributes by name; raises InputError for one that is damaged."""
  try:
    return {attribute.name: _attribute(attribute) for attribute in step.attribute}
  except (LookupError, TypeError, ValueError) as error:
    raise InputError(
      f"{source}: an attribute of {step.op_type} cannot be read ({one_line(error)}); fetch "
      "or export the file again"
    ) from error


def _attribute(attribute: "onnx.AttributeProto") -> Any:
  import onnx

  if attribute.type == onnx.AttributeProto.TENSOR:
    return onnx.numpy_helper.to_array(attribute.t)
  value = onnx.helper.get_attribute_value(attribute)
  return value.decode() if isinstance(value, bytes) else value


def _outputs(model: "onnx.ModelProto") -> str:
  return ", ".join(f"'{output.name}'" for output in model.graph.output)


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


def _flat(value: Any, batch: int, what: str, model: "onnx.ModelProto") -> jax.Array:
  """Returns [N, D] from [N, D, 1, 1] or, of a mapped batch, [N, 1, D]."""
  sizes = value.shape
  wide = [n for n in sizes[1:] if n != 1]
  if value.ndim < 2 or len(wide) > 1 or sizes[0] != batch:
    raise InputError(
      f"{what} has shape {['N', *sizes[1:]] if sizes[:1] == (batch,) else list(sizes)}, "
      f"not [N, D]; name a value behind the pooling (outputs: {_outputs(model)})"
    )
  flat = jnp.asarray(value).reshape(batch, -1)
  return flat.astype(jnp.promote_types(flat.dtype, jnp.float32))
