"""From a parsed ONNX file to plain steps and arrays: no functions, no references.

Functions are written out where they are called, with the values within them renamed;
what the branches of an `If` hold is listed beside the rest, under names of its own. What
comes after needs to know neither.
"""

import collections
import dataclasses
import math
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lead_jax.backbones._onnx_operators._allowance import STEP, Allowance
from lead_jax.backbones._onnx_operators._node import Branch, Node
from lead_jax.backbones._onnx_operators._operators import OLDEST_OPSET
from lead_jax.checks import InputError, one_line, shown

if TYPE_CHECKING:
  import onnx

_DEEPEST = 64  # functions within functions

_AGAIN = "fetch or export the file again"


@dataclasses.dataclass(frozen=True)
class Decoded:
  """A file's network.

  Attributes:
    nodes: Its steps, in the order of the file.
    initialisers: Its arrays, those of branches included.
    inputs: Names of the values that the caller gives.
    outputs: Names of the network's outputs.
  """

  nodes: list[Node]
  initialisers: dict[str, np.ndarray]
  inputs: tuple[str, ...]
  outputs: tuple[str, ...]


def decode(model: "onnx.ModelProto", source: str, allowance: Allowance) -> Decoded:
  """Decodes a model whose weights are all inside.

  Raises:
    InputError: If it is damaged, of an operator set that is not supported, computes a
      value twice, or asks for too much.
  """
  return _Decoder(model, source, allowance).decoded()


class _Scope(dict):
  """Names of a function or branch -> names in the network; looks outwards."""

  def __init__(self, known: Mapping[str, str], outer: "_Scope | None" = None):
    super().__init__(known)
    self.outer = outer

  def find(self, name: str) -> str | None:
    scope: _Scope | None = self
    while scope is not None:
      if isinstance(scope, _Network):
        return name
      if name in scope:
        return scope[name]
      scope = scope.outer
    return None


class _Network(_Scope):
  """The outermost names, which stay what they are."""


class _Decoder:
  """Walks through a model once."""

  def __init__(self, model: "onnx.ModelProto", source: str, allowance: Allowance):
    self._model, self._source, self._allowance = model, source, allowance
    self._opset = self._version(model.opset_import)
    self._functions = {
      (_domain(f.domain), f.name, f.overload): f for f in model.functions
    }
    self._initialisers: dict[str, np.ndarray] = {}
    self._taken: set[str] = set()
    self._copies: MutableMapping[str, int] = collections.Counter()

  def decoded(self) -> Decoded:
    graph = self._model.graph
    self._take(self._arrays(graph), "holds two arrays called")
    inputs = [i.name for i in graph.input if i.name not in self._initialisers]
    self._take(inputs, "has two inputs called")
    made = (name for step in graph.node for name in step.output if name)
    self._take(made, "computes twice the value")
    nodes = self._steps(graph.node, _Network({}), {}, self._opset, ())
    outputs = tuple(output.name for output in graph.output)
    return Decoded(nodes, self._initialisers, tuple(inputs), outputs)

  def _take(self, names: Iterable[str], message: str) -> None:
    for name in names:
      if name in self._taken:
        raise InputError(
          f"{self._source}: {message} {shown(name)!r}: the file is damaged; {_AGAIN}"
        )
      self._taken.add(name)

  def _fresh(self, name: str) -> str:
    """A name of the network for a value of a function or branch: its own if free."""
    found = name
    while found in self._taken:
      self._copies[name] += 1
      found = f"{name}__{self._copies[name]}"
    self._taken.add(found)
    return found

  def _version(self, imports: Sequence[Any], default: int | None = None) -> int:
    """The version of ONNX's own operators; its domain has two names."""
    found = {o.version for o in imports if not _domain(o.domain)}
    if not found and default is not None:
      return default
    if not found:
      raise InputError(
        f"{self._source}: does not say which version of ONNX's operators it uses (its "
        "opset_import has no entry for them); export it again, or add the entry"
      )
    if len(found) > 1:
      raise InputError(
        f"{self._source}: imports ONNX's operators in several versions "
        f"({', '.join(map(str, sorted(found)))}); keep one of them"
      )
    (version,) = found
    if version < OLDEST_OPSET:
      raise InputError(
        f"{self._source}: opset {version} is older than {OLDEST_OPSET}; convert it with "
        "onnx.version_converter.convert_version"
      )
    return version

  def _arrays(self, graph: "onnx.GraphProto", scope: _Scope | None = None) -> list[str]:
    """Decodes a graph's own arrays; returns their names in the graph."""
    found = [(t.name, t) for t in graph.initializer]
    found += [(s.values.name, s) for s in graph.sparse_initializer]
    for name, tensor in found:
      known = name
      if scope is not None:
        known = scope[name] = self._fresh(name)
      self._initialisers[known] = self._array(tensor, f"its weights {shown(name)!r}")
    return [name for name, _ in found]

  def _array(self, tensor: Any, what: str) -> np.ndarray:
    """A tensor or a sparse tensor as an array."""
    try:
      if tensor.DESCRIPTOR.name == "SparseTensorProto":
        return self._dense(tensor, what)
      return _plain(tensor)
    except InputError:
      raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
      raise InputError(
        f"{self._source}: {what} are cut short or of an unknown type "
        f"({one_line(error, most=120)}); {_AGAIN}"
      ) from error

  def _dense(self, sparse: "onnx.SparseTensorProto", what: str) -> np.ndarray:
    values, places = _plain(sparse.values), _plain(sparse.indices)
    sizes = tuple(sparse.dims)
    if min(sizes, default=1) < 0 or values.ndim != 1 or values.dtype.hasobject:
      raise ValueError(f"sizes {list(sizes)}, values of shape {list(values.shape)}")
    self._allowance.spend(math.prod(sizes) * values.dtype.itemsize, what)
    if places.ndim == 2:
      places = np.ravel_multi_index(tuple(places.T), sizes)
    if places.shape != values.shape:
      raise ValueError(f"{values.size} values at {places.size} places")
    if places.size and not 0 <= places.min() <= places.max() < math.prod(sizes):
      raise ValueError(f"a value beyond the sizes {list(sizes)}")
    full = np.zeros(math.prod(sizes), values.dtype)
    full[places] = values
    return full.reshape(sizes)

  def _steps(
    self,
    steps: Iterable["onnx.NodeProto"],
    scope: _Scope,
    given: Mapping[str, Any],
    opset: int,
    within: tuple[Any, ...],
  ) -> list[Node]:
    """Decodes steps; calls of functions are written out.

    Args:
      steps: Of the network, of a function or of a branch.
      scope: What names mean here; gains those that the steps compute.
      given: Attributes that the call of the function gives.
      opset: Version of ONNX's operators.
      within: The functions that this is in, the outermost first.
    """
    nodes = []
    for step in steps:
      inputs = tuple(self._meaning(name, scope, step) for name in step.input)
      attributes = self._all(step.attribute, scope, given, opset, within)
      if step.op_type == "Constant" and "sparse_value" in attributes:
        attributes["value"] = attributes.pop("sparse_value")
      outputs = tuple(self._named(name, scope) for name in step.output)
      function = (_domain(step.domain), step.op_type, step.overload)
      if within:
        self._allowance.spend(STEP, f"function {shown(within[-1][1])!r}")
      if function in self._functions:
        nodes += self._call(function, inputs, outputs, attributes, within)
        continue
      reads = _captured(attributes) if step.op_type == "If" else ()
      domain = function[0] and f"{function[0]}."
      nodes.append(
        Node(
          op_type=domain + step.op_type,
          name=step.name or (outputs[0] if outputs else ""),
          inputs=(*inputs, *reads),
          outputs=outputs,
          attributes=attributes,
          opset=opset,
        )
      )
    return nodes

  def _meaning(self, name: str, scope: _Scope, step: "onnx.NodeProto") -> str:
    """What a value that is read is called in the network."""
    if not name:
      return ""
    found = scope.find(name)
    if found is None:
      raise InputError(
        f"{self._source}: {shown(step.op_type)} node {shown(step.name)!r} reads "
        f"{shown(name)!r}, which nothing before it computes; the file is broken, export "
        "it again"
      )
    return found

  def _named(self, name: str, scope: _Scope) -> str:
    """What a value that is computed is called in the network."""
    if not name or isinstance(scope, _Network):
      return name
    if name not in scope:
      scope[name] = self._fresh(name)
    return scope[name]

  def _call(
    self,
    key: Any,
    inputs: Sequence[str],
    outputs: Sequence[str],
    attributes: Mapping[str, Any],
    within: tuple[Any, ...],
  ) -> list[Node]:
    """A function's steps, for one call of it."""
    function = self._functions[key]
    if key in within or len(within) >= _DEEPEST:
      raise InputError(
        f"{self._source}: its function {shown(key[1])!r} calls itself, or is nested more "
        f"than {_DEEPEST} deep; {_AGAIN}"
      )
    defaults = self._all(function.attribute_proto, _Scope({}), {}, 0, within)
    padded = (*inputs, *[""] * (len(function.input) - len(inputs)))
    scope = _Scope(dict(zip(function.input, padded, strict=False)))
    passed = []
    for inner, outer in zip(function.output, outputs, strict=False):
      if inner in scope:  # handed on, or given out twice
        passed.append((inner, outer))
      elif outer:
        scope[inner] = outer
    opset = self._version(function.opset_import, self._opset)
    given = {**defaults, **attributes}
    nodes = self._steps(function.node, scope, given, opset, (*within, key))
    for inner, outer in passed:
      nodes.append(Node("Identity", outer, (scope[inner],), (outer,), {}, opset))
    return nodes

  def _all(
    self,
    attributes: Iterable["onnx.AttributeProto"],
    scope: _Scope,
    given: Mapping[str, Any],
    opset: int,
    within: tuple[Any, ...],
  ) -> dict[str, Any]:
    """Attributes by name, those that refer to a function's own as what it was given."""
    found = {}
    for attribute in attributes:
      if attribute.ref_attr_name:
        if attribute.ref_attr_name in given:
          found[attribute.name] = given[attribute.ref_attr_name]
        continue
      found[attribute.name] = self._attribute(attribute, scope, given, opset, within)
    return found

  def _attribute(self, attribute, scope, given, opset, within) -> Any:
    import onnx

    what = f"the values of its attribute {shown(attribute.name)!r}"
    kinds = onnx.AttributeProto
    if attribute.type in (kinds.TENSOR, kinds.SPARSE_TENSOR):
      dense = attribute.type == kinds.TENSOR
      value = self._array(attribute.t if dense else attribute.sparse_tensor, what)
      if within:
        self._allowance.spend(value.nbytes, f"function {shown(within[-1][1])!r}")
      return value
    if attribute.type == kinds.GRAPH:
      return self._branch(attribute.g, scope, given, opset, within)
    if attribute.type in (kinds.TENSORS, kinds.SPARSE_TENSORS, kinds.GRAPHS):
      return kinds.AttributeType.Name(attribute.type)  # of no operator that we run
    try:
      value = onnx.helper.get_attribute_value(attribute)
      return value.decode() if isinstance(value, bytes) else value
    except (LookupError, TypeError, ValueError) as error:
      raise InputError(
        f"{self._source}: {what} cannot be read ({one_line(error, most=120)}); {_AGAIN}"
      ) from error

  def _branch(self, graph, scope, given, opset, within) -> Branch:
    inner = _Scope({}, scope)
    self._arrays(graph, inner)
    nodes = self._steps(graph.node, inner, given, opset, within)
    outputs = (inner.find(output.name) or "" for output in graph.output)
    return Branch(tuple(nodes), tuple(outputs))


def _captured(attributes: Mapping[str, Any]) -> list[str]:
  """What the branches read from outside, each once."""
  found: dict[str, None] = {}
  for branch in attributes.values():
    if isinstance(branch, Branch):
      made = {name for node in branch.nodes for name in node.outputs}
      read = [name for node in branch.nodes for name in node.inputs]
      found |= {n: None for n in (*read, *branch.outputs) if n and n not in made}
  return list(found)


def _domain(name: str) -> str:
  """ONNX's own domain is written in two ways."""
  return "" if name == "ai.onnx" else name


def _plain(tensor: "onnx.TensorProto") -> np.ndarray:
  """A tensor's array.

  Raises:
    InputError: If its bytes are outside the file and were not read.
  """
  import onnx

  if tensor.data_location == onnx.TensorProto.EXTERNAL:
    raise InputError(
      f"weights {shown(tensor.name)!r} are outside the ONNX model: give the path of its "
      "file in place of the model"
    )
  if min(tensor.dims, default=1) < 0:
    raise ValueError(f"sizes {list(tensor.dims)}")
  return onnx.numpy_helper.to_array(tensor)
