"""ONNX files in the forms that people have them, against onnxruntime."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
import jax
import onnx
import onnxruntime as ort
from onnx import TensorProto, numpy_helper
from onnx.helper import (
  make_function,
  make_graph,
  make_model,
  make_node,
  make_opsetid,
  make_sparse_tensor,
  make_tensor_value_info as info,
)

from lead_jax.backbones import InputSpec, load_onnx
from lead_jax.checks import InputError
from lead_jax.features import extraction_key

SPEC = InputSpec(height=4, width=4, layout="NCHW")
RNG = np.random.default_rng(3)
IMAGES = RNG.normal(size=(5, 3, 4, 4)).astype(np.float32)
CONV = RNG.normal(size=(2, 3, 1, 1)).astype(np.float32)
DENSE = RNG.normal(size=(48, 6)).astype(np.float32)
POOL = make_node("GlobalAveragePool", ["y"], ["features"])


def _model(
  nodes,
  *,
  imports=(("", 17), ("own", 1)),
  functions=(),
  batch="N",
  sparse=(),
  outputs=("features",),
  **weights,
):
  graph = make_graph(
    nodes,
    "network",
    [info("x", TensorProto.FLOAT, (batch, 3, 4, 4))],
    [info(name, TensorProto.FLOAT, None) for name in outputs],
    [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()],
    sparse_initializer=list(sparse),
  )
  return make_model(
    graph,
    opset_imports=[make_opsetid(*i) for i in imports],
    ir_version=9,
    functions=list(functions),
  )


def _load(tmp_path, model, **options):
  path = tmp_path / "network.onnx"
  path.write_bytes(model.SerializeToString())
  return load_onnx(path, name="network", input_spec=SPEC, **options)


def _features(backbone, images=IMAGES):
  return np.asarray(jax.jit(backbone.apply)(backbone.params, images)["features"])


def _runtime(model, images=IMAGES, name="features"):
  options = ort.SessionOptions()
  options.log_severity_level = 4
  session = ort.InferenceSession(model.SerializeToString(), options)
  return session.run([name], {"x": images})[0]


def _assert_as_runtime(tmp_path, model, **options):
  expected = _runtime(model).reshape(len(IMAGES), -1)
  np.testing.assert_allclose(
    _features(_load(tmp_path, model, **options)), expected, rtol=1e-5, atol=1e-6
  )


def _refused(tmp_path, model, message, **options):
  with pytest.raises(InputError, match=message) as caught:
    _load(tmp_path, model, **options)
  assert "\n" not in str(caught.value)
  return str(caught.value)


CONVOLVED = [make_node("Conv", ["x", "w"], ["y"]), POOL]


def test_the_domain_of_onnx_has_two_names(tmp_path):
  named = [make_node("Conv", ["x", "w"], ["y"], domain="ai.onnx"), POOL]
  for imports in ([("ai.onnx", 17)], [("", 17), ("ai.onnx", 17)], [("", 17)] * 2):
    _load(tmp_path, _model(named, imports=imports, w=CONV))
  _assert_as_runtime(tmp_path, _model(CONVOLVED, imports=[("ai.onnx", 17)], w=CONV))


@pytest.mark.parametrize(
  ("imports", "message"),
  [
    ([], "does not say which version"),
    ([("own", 1)], "does not say which version"),
    ([("", 17), ("ai.onnx", 13)], r"several versions \(13, 17\)"),
    ([("ai.onnx", 5)], "opset 5 is older than 6"),
  ],
)
def test_operator_sets_that_say_nothing(tmp_path, imports, message):
  _refused(tmp_path, _model(CONVOLVED, imports=imports, w=CONV), message)


@pytest.mark.parametrize("linear", [True, False])
def test_sparse_weights(tmp_path, linear):
  places = np.array([[0, 1, 0, 0], [1, 2, 0, 0]])
  values = numpy_helper.from_array(np.array([2, -3], np.float32), "w")
  index = np.ravel_multi_index(tuple(places.T), CONV.shape) if linear else places
  sparse = make_sparse_tensor(values, numpy_helper.from_array(index), CONV.shape)
  dense = np.zeros_like(CONV)
  dense[0, 1], dense[1, 2] = 2, -3
  backbone = _load(tmp_path, _model(CONVOLVED, sparse=[sparse]))
  np.testing.assert_allclose(
    _features(backbone), _runtime(_model(CONVOLVED, w=dense))[:, :, 0, 0], rtol=1e-5
  )


@pytest.mark.parametrize("index", [[0, 6], [-1, 1], [0], [[0, 1]] * 2])
def test_sparse_weights_that_are_damaged(tmp_path, index):
  values = numpy_helper.from_array(np.array([2, -3], np.float32), "w")
  sparse = make_sparse_tensor(
    values, numpy_helper.from_array(np.array(index)), CONV.shape
  )
  _refused(tmp_path, _model(CONVOLVED, sparse=[sparse]), "weights 'w' are cut short")


def _branch(name, *nodes, **weights):
  return make_graph(
    nodes,
    name,
    [],
    [info(nodes[-1].output[0], TensorProto.FLOAT, None)],
    [numpy_helper.from_array(v, k) for k, v in weights.items()],
  )


def _choice(condition, other=None):
  there = other or make_node("Neg", ["x"], ["no"])
  return [
    make_node(
      "If",
      [condition],
      ["y"],
      then_branch=_branch("then", make_node("Conv", ["x", "w"], ["yes"]), w=CONV),
      else_branch=_branch("else", there),
    ),
    POOL,
  ]


def test_a_choice_that_is_known_at_loading(tmp_path):
  for answer in (True, False):
    model = _model(_choice("c"), c=answer)
    _assert_as_runtime(tmp_path, model)
    assert len(_load(tmp_path, model).params) == answer
  secret = make_node("Secret", ["x"], ["no"], domain="com.example")
  _load(tmp_path, _model(_choice("c", secret), c=True))
  _refused(tmp_path, _model(_choice("c", secret), c=False), r"com\.example\.Secret")


def test_a_choice_that_the_shape_decides(tmp_path):
  for size in (3, 4):
    nodes = [
      make_node("Shape", ["x"], ["shape"]),
      make_node("Gather", ["shape", "one"], ["channels"], axis=0),
      make_node("Equal", ["channels", "size"], ["c"]),
      *_choice("c"),
    ]
    _assert_as_runtime(tmp_path, _model(nodes, one=1, size=size))


def test_a_choice_that_the_image_decides(tmp_path):
  nodes = [
    make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
    make_node("Greater", ["largest", "zero"], ["c"]),
    *_choice("c"),
  ]
  message = "If node 'y': its condition is computed from the network's input"
  _refused(tmp_path, _model(nodes, zero=np.float32(0)), message)


def test_functions_with_attributes_and_equal_names(tmp_path):
  """Attributes that are handed on, defaults, names that stand inside and outside."""
  leaky = make_node("LeakyRelu", ["a"], ["y"])
  leaky.attribute.append(_handed_on("alpha", "slope"))
  imports = [make_opsetid("", 17), make_opsetid("own", 1)]
  inner = make_function(
    "own", "Inner", ["a"], ["b"],
    [leaky, make_node("Add", ["y", "a"], ["b"])], imports, attributes=["slope"],
  )  # fmt: skip
  call = make_node("Inner", ["a"], ["y"], domain="own")
  call.attribute.append(_handed_on("slope", "steep"))
  outer = make_function(
    "own", "Outer", ["a"], ["y", "a"], [call], imports,
    attribute_protos=[_float("steep", 0.25)],
  )  # fmt: skip
  nodes = [
    make_node("Outer", ["x"], ["v", "same"], domain="own"),
    make_node("Outer", ["v"], ["u"], domain="own", steep=0.5),
    make_node("Add", ["u", "same"], ["y"]),
    POOL,
  ]
  model = _model(nodes, functions=[inner, outer])
  x = IMAGES

  def step(v, slope):
    return np.where(v >= 0, v, slope * v) + v

  expected = (step(step(x, 0.25), 0.5) + x).mean(axis=(2, 3))
  np.testing.assert_allclose(
    _features(_load(tmp_path, model)), expected, rtol=1e-5, atol=1e-6
  )


def _handed_on(name, source):
  """An attribute whose value is that of the function's own attribute `source`."""
  kind = onnx.AttributeProto.FLOAT
  return onnx.AttributeProto(name=name, ref_attr_name=source, type=kind)


def _float(name, value):
  return onnx.helper.make_attribute(name, value)


@pytest.mark.parametrize(
  ("nodes", "message"),
  [
    ([make_node("Neg", ["x"], ["y"]), *CONVOLVED], "computes twice the value 'y'"),
    ([make_node("Neg", ["x"], ["w"]), *CONVOLVED], "computes twice the value 'w'"),
  ],
)
def test_names_that_stand_for_two_values(tmp_path, nodes, message):
  _refused(tmp_path, _model(nodes, w=CONV), message)


TOKENS = [
  make_node("Conv", ["x", "w"], ["maps"]),
  make_node("Reshape", ["maps", "flat"], ["lines"]),
  make_node("Transpose", ["lines"], ["features"], perm=[0, 2, 1]),
]
FLAT = {"w": CONV, "flat": [0, 2, 16]}


def test_pooling_of_tokens(tmp_path):
  model = _model(TOKENS, **FLAT)
  tokens = _runtime(model)
  for pooling, expected in (("cls", tokens[:, 0]), ("mean", tokens.mean(axis=1))):
    found = _features(_load(tmp_path, model, pooling=pooling))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_pooling_of_maps(tmp_path):
  model = _model(TOKENS, outputs=("features", "maps"), **FLAT)
  expected = _runtime(model, name="maps").mean(axis=(2, 3))
  found = _features(_load(tmp_path, model, features="maps", pooling="gap"))
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({}, r"\['N', 16, 2\], not \[N, D\].*\"pooling\": \"cls\" .* or \"mean\""),
    ({"features": "maps"}, r"\['N', 2, 4, 4\], not \[N, D\].*\"pooling\": \"gap\""),
    ({"pooling": "gap"}, r"is of \[N, C, H, W\]: for features \[N, T, D\] say"),
    (
      {"features": "maps", "pooling": "cls"},
      r"is of \[N, T, D\].*\"pooling\": \"gap\"",
    ),
    ({"pooling": "max"}, "'pooling' is 'max', not cls"),
  ],
)
def test_the_message_says_which_pooling_there_is(tmp_path, options, message):
  _refused(tmp_path, _model(TOKENS, **FLAT), message, **options)


def test_every_choice_of_features_has_its_own_key(tmp_path):
  """A key is never that of other features of the same file."""

  class Images:
    fingerprint = "the same images"

  nodes = [*TOKENS, make_node("Neg", ["features"], ["a,b"])]
  nodes.append(make_node("Abs", ["features"], ["b,c"]))
  nodes.append(make_node("ReduceMean", ["features"], ["a"], axes=[1], keepdims=0))
  nodes.append(make_node("ReduceMean", ["features"], ["c"], axes=[1], keepdims=0))
  nodes.append(make_node("ReduceMean", ["features"], ["b"], axes=[1], keepdims=0))
  model = _model(nodes, **FLAT)
  choices = [
    {"pooling": "cls"},
    {"pooling": "mean"},
    {"features": "a,b", "pooling": "cls"},
    {"features": "a,b", "logits": "c", "pooling": "cls"},
    {"features": "a"},
    {"features": "a", "logits": "b"},
  ]
  keys = {extraction_key(_load(tmp_path, model, **o), Images()) for o in choices}
  assert len(keys) == len(choices)


def test_features_are_proposed(tmp_path):
  nodes = [
    make_node("Flatten", ["x"], ["embedding"]),
    make_node("MatMul", ["embedding", "w"], ["product"]),
    make_node("Add", ["product", "b"], ["logits"]),
    make_node("MatMul", ["x", "x"], ["aside"]),
  ]
  weights = {"w": DENSE, "b": np.zeros(6, np.float32)}
  model = _model(nodes, outputs=("logits",), **weights)
  said = _refused(
    tmp_path, model, "no value called 'features'; its outputs are 'logits'"
  )
  assert (
    '"features": "embedding" in the zoo file for the input of its last MatMul' in said
  )
  assert _features(_load(tmp_path, model, features="embedding")).shape == (5, 48)
  assert "say" not in _refused(
    tmp_path, model, "no value called 'z'", features="embedding", logits="z"
  )


def _baked(*, softmax):
  """A batch of 1 written into Reshape; with a softmax it would run, and mix images."""
  middle = [make_node("Softmax", ["flat"], ["soft"])] if softmax else []
  return [
    make_node("Reshape", ["x", "one"], ["flat"]),
    *middle,
    make_node("Reshape", ["soft" if softmax else "flat", "many"], ["rows"]),
    make_node("MatMul", ["rows", "w"], ["features"]),
  ]


@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize("many", [[-1, 48], [1, 48]])
def test_a_batch_of_one_that_is_written_into_the_file(tmp_path, softmax, many):
  model = _model(_baked(softmax=softmax), one=[1, -1], many=many, w=DENSE)
  backbone = _load(tmp_path, model)
  alone = np.concatenate([_runtime(model, image[None]) for image in IMAGES])
  for batch in (5, 2, 1):
    np.testing.assert_allclose(
      _features(backbone, IMAGES[:batch]), alone[:batch], rtol=1e-5, atol=1e-6
    )


def test_another_batch_that_is_written_into_the_file(tmp_path):
  model = _model(_baked(softmax=False), one=[4, -1], many=[4, 48], w=DENSE)
  _refused(tmp_path, model, "if a batch size is written into it, export the model with")


def test_damaged_bytes_are_refused_in_one_line(tmp_path):
  """Every file is read or refused by the project's own error."""
  model = _model(_choice("c"), functions=[], c=True).SerializeToString()
  rng = np.random.default_rng(0)
  path = tmp_path / "network.onnx"
  said = []
  for _ in range(150):
    data = bytearray(model)
    for place in rng.integers(0, len(data), rng.integers(1, 4)):
      data[place] = rng.integers(0, 256)
    path.write_bytes(bytes(data))
    try:
      load_onnx(path, name="network", input_spec=SPEC)
    except InputError as error:
      said.append(str(error))
  assert len(said) > 50
  assert not [text for text in said if "\n" in text]
