"""What the kernels refuse, in one line that names it, and what they take."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax import InputError, dynamics, ntk
from lead_jax.ntk import _contract as contract

X = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
PARAMS = {"w": jnp.ones((3, 2)) * 0.5, "b": jnp.zeros(2)}
HEAD = ntk.MLPHead(2, (4,))
HEAD_PARAMS = ntk.init_head(HEAD, jax.random.key(0), 3)


def linear(params, x):
  return x @ params["w"] + params["b"][None]


def batch_norm(params, x):
  y = linear(params, x)
  centred = y - jnp.mean(y, axis=0, keepdims=True)
  return centred / jnp.sqrt(jnp.mean(centred**2, axis=0, keepdims=True) + 1e-5)


def dropout(params, x):
  keep = jax.random.bernoulli(jax.random.key(0), 0.5, x.shape)
  return linear(params, x * keep)


def refused(function, *arguments, **options):
  """The message, after checking that it is one line of the project's own error."""
  with pytest.raises(InputError) as caught:
    function(*arguments, **options)
  assert "\n" not in str(caught.value)
  return str(caught.value)


@pytest.mark.parametrize("function", [ntk.empirical_ntk, ntk.squared_gradient_norms])
class TestNetworks:
  """Both functions that take any network ask the same of it."""

  def test_rows_that_influence_each_other(self, function):
    message = refused(function, batch_norm, PARAMS, X)
    assert "rows must not influence each other" in message
    assert "row 4" in message
    assert "rows must not" in refused(function, dropout, PARAMS, X)
    assert "rows must not" in refused(function, batch_norm, PARAMS, X[:2])
    # A later row that sees an earlier one, as in a causal model over the wrong axis.
    seen = lambda p, x: jnp.cumsum(linear(p, x), axis=0)
    assert "rows must not" in refused(function, seen, PARAMS, X)

  def test_influence_that_outputs_do_not_show(self, function):
    normed = lambda h: (
      (h - h.mean(0, keepdims=True)) / jnp.sqrt(h.var(0, keepdims=True) + 1e-5)
    )
    params = {**PARAMS, "head": jnp.zeros((2, 3)), "c": jnp.ones(3)}
    # A last layer that is still zero, and outputs beside a large constant.
    at_init = lambda p, x: jax.nn.relu(normed(linear(p, x))) @ p["head"] + p["c"][None]
    assert "rows must not" in refused(function, at_init, params, X)
    zeros = {**params, "c": jnp.zeros(3)}
    assert "rows must not" in refused(function, at_init, zeros, X)
    small = lambda p, x: 1e-3 * normed(linear(p, x)) + 100
    assert "rows must not" in refused(function, small, PARAMS, X)
    # Every row but the last one sees others.
    later = lambda p, x: jnp.cumsum(linear(p, x)[::-1], axis=0)[::-1]
    assert "row 3" in refused(function, later, PARAMS, X)
    many = jnp.tile(X, (12, 1))
    late = lambda p, x: linear(p, x).at[-3:].set(normed(linear(p, x)[-3:]))
    assert "rows must not" in refused(function, late, PARAMS, many)

  def test_gradients_that_are_zero_by_their_form_are_no_influence(self, function):
    """Of a constant before a softmax nothing is left but rounding."""
    params = {**PARAMS, "shift": jnp.ones(())}
    shifted = lambda p, x: jax.nn.softmax(linear(p, x) + p["shift"])
    assert np.all(np.isfinite(function(shifted, params, X)))

  def test_networks_that_draw_at_every_call(self, function):
    rng = np.random.default_rng(0)
    noisy = lambda p, x: linear(p, x) + np.float32(rng.standard_normal())
    assert "must be deterministic" in refused(function, noisy, PARAMS, X)

  @pytest.mark.parametrize(
    ("change", "words"),
    [
      (lambda y: y[:, 0], r"got [5]: for one output per row"),
      (lambda y: jnp.stack([y, y], axis=-1), "got [5, 2, 2]: flatten"),
      (lambda y: y.sum(), "got []"),
      (lambda y: y[:3], "got [3, 2] for 5 rows"),
      (lambda y: y[:, :0], "K at least 1, got [5, 0]"),
      (lambda y: (y, y), "one array [N, K], got a tuple"),
      (lambda y: {"logits": y}, "one array [N, K], got a dict"),
      (lambda y: None, "one array [N, K], got a NoneType"),
      (lambda y: y.astype(int), "real floating-point outputs, got int32"),
      (lambda y: y + 0j, "real floating-point outputs, got complex64"),
    ],
  )
  def test_outputs(self, function, change, words):
    changed = lambda p, x: change(linear(p, x))
    assert words in refused(function, changed, PARAMS, X)
    # Shapes are known under jit too.
    assert words in refused(jax.jit(lambda p: function(changed, p, X)), PARAMS)

  @pytest.mark.parametrize(
    ("params", "words"),
    [
      ({**PARAMS, "step": jnp.int32(3)}, "params['step'] is int32"),
      ({**PARAMS, "z": jnp.ones(2) * 1j}, "params['z'] is complex64"),
      ({**PARAMS, "name": "linear"}, "params['name'] must be an array of numbers"),
      ({}, "at least one array"),
      (None, "at least one array"),
    ],
  )
  def test_parameters(self, function, params, words):
    assert words in refused(function, linear, params, X)

  @pytest.mark.parametrize(
    ("x", "words"),
    [
      (X[:0], "x must have at least one row, got shape [0, 3]"),
      (1.5, "x must have at least one row, got shape []"),
      ([[1.0, 2.0], [3.0]], "x cannot be made an array"),
      (np.array([["a"]]), "x must be numbers, got dtype <U1"),
      (None, "x must be an array of numbers, got None"),
      (np.ma.array(X, mask=X > 0), "x is a masked array"),
      (jax.random.split(jax.random.key(0), 3), "x must be numbers, got dtype key<fry>"),
    ],
  )
  def test_inputs(self, function, x, words):
    assert words in refused(function, linear, PARAMS, x).replace("x1", "x")

  @pytest.mark.parametrize("batch_size", [0, -1, 1.5, True])
  def test_batch_sizes(self, function, batch_size):
    message = refused(function, linear, PARAMS, X, batch_size=batch_size)
    assert "batch_size must be a" in message
    assert f"got {batch_size}" in message

  def test_lists_and_tensors_are_arrays(self, function):
    whole = function(linear, PARAMS, X)
    np.testing.assert_array_equal(function(linear, PARAMS, X.tolist()), whole)
    in_numpy = jax.tree.map(np.asarray, PARAMS)
    np.testing.assert_array_equal(function(linear, in_numpy, X), whole)
    torch = pytest.importorskip("torch")
    for tensor in (torch.tensor(X), torch.tensor(X, requires_grad=True)):
      np.testing.assert_array_equal(function(linear, PARAMS, tensor), whole)
    rounded = torch.tensor(X).bfloat16()
    expected = function(linear, PARAMS, rounded.float().numpy())
    np.testing.assert_array_equal(function(linear, PARAMS, rounded), expected)
    weights = {
      key: torch.tensor(value, requires_grad=True) for key, value in in_numpy.items()
    }
    np.testing.assert_array_equal(function(linear, weights, X), whole)

  def test_rows_that_keep_to_themselves_pass(self, function, x64):
    """A large offset, sixteen bits and integer inputs are no influence."""
    tokens = jnp.array([[0, 2], [1, 1], [2, 0]])
    embed = lambda p, ids: jnp.sum(p["w"][ids], axis=1)
    assert np.all(np.isfinite(function(embed, PARAMS, tokens)))
    shifted = lambda p, x: linear(p, x) + 1e6
    assert np.all(np.isfinite(function(shifted, PARAMS, X)))
    halves = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), PARAMS)
    assert np.all(np.isfinite(function(linear, halves, X.astype(jnp.bfloat16))))


@pytest.mark.parametrize(
  ("change", "words"),
  [
    (lambda x: x * np.nan, "NaN, infinity or numbers beyond float32"),
    (lambda x: np.where(x == x.max(), np.inf, x), "NaN, infinity or numbers beyond"),
    (lambda x: x.astype(float) * 1e300, "NaN, infinity or numbers beyond float32"),
    (lambda x: x.astype(float) + 1e9, "rounds away how they differ"),
  ],
)
def test_numbers_that_32_bits_do_not_hold(change, words):
  x = change(X)
  assert words in refused(ntk.wide_head_kernel, x)
  assert words in refused(ntk.empirical_ntk, linear, PARAMS, x)
  assert words in refused(ntk.head_kernel, HEAD_PARAMS, X, x)


def test_influence_is_not_looked_for_under_jit():
  """Documented: values are not known there."""
  kernel = jax.jit(
    lambda p: ntk.empirical_ntk(batch_norm, p, X, kind="summed"),
  )(PARAMS)
  assert kernel.shape == (5, 5)


def test_known_parameters_beside_traced_inputs():
  kernel = lambda x: ntk.empirical_ntk(linear, PARAMS, x, kind="summed")
  np.testing.assert_allclose(jax.jit(kernel)(X), kernel(X), rtol=1e-6)


def test_second_inputs_are_like_the_first():
  kernel = lambda x2: ntk.empirical_ntk(linear, PARAMS, X, x2)
  assert "rows of x2 have shape [2] but those of x1 have [3]" in refused(
    kernel, X[:, :2]
  )
  assert "x2 is int32 but x1 is float32" in refused(kernel, X.astype(np.int32))
  assert "x2 must have at least one row" in refused(kernel, X[:0])
  # One row of x1 shows no influence, those of x2 do; two rows of x1 are enough.
  for x1, x2 in ((X[:1], X), (X[:2], X[:1])):
    message = refused(ntk.empirical_ntk, batch_norm, PARAMS, x1, x2)
    assert "rows must not" in message
  tokens = jnp.array([[0, 2], [1, 1], [2, 0]])
  embed = lambda p, ids: jnp.sum(p["w"][ids], axis=1)
  whole = ntk.empirical_ntk(embed, PARAMS, tokens, kind="traced")
  np.testing.assert_array_equal(
    ntk.empirical_ntk(embed, PARAMS, tokens[:2], tokens, kind="traced"), whole[:2]
  )
  with jax.enable_x64(True):  # floats of two widths are one kind
    ntk.empirical_ntk(linear, PARAMS, X.astype(np.float64), X)


def test_the_full_kernel_is_the_default():
  assert ntk.empirical_ntk(linear, PARAMS, X, X[:3]).shape == (5, 3, 2, 2)


def test_gradient_norms_of_sixteen_bits_are_summed_in_32():
  params = {"w": jnp.zeros((3, 2), jnp.float16)}
  x = jnp.full((2, 3), 200.0, jnp.float16)
  norms = ntk.squared_gradient_norms(lambda p, x: x @ p["w"], params, x)
  np.testing.assert_array_equal(norms, np.float32([240_000, 240_000]))  # max: 65,504


CLOSED_FORMS = {
  "head_kernel": lambda x1, x2=None: ntk.head_kernel(HEAD_PARAMS, x1, x2),
  "wide_head_kernel": lambda x1, x2=None: ntk.wide_head_kernel(x1, x2, hidden=(4,)),
  "infinite_width_kernel": lambda x1, x2=None: ntk.infinite_width_kernel(
    x1, x2, num_classes=2, hidden=(4,)
  ),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms(name):
  kernel = CLOSED_FORMS[name]
  whole = kernel(X)
  np.testing.assert_array_equal(kernel(X.tolist()), whole)
  counts = np.round(X)
  np.testing.assert_array_equal(kernel(counts.astype(int)), kernel(counts))
  np.testing.assert_array_equal(kernel(X > 0), kernel((X > 0).astype(np.float32)))
  with jax.enable_x64(True):
    if name != "infinite_width_kernel":  # stax has float64 constants of its own
      assert kernel(counts.astype(int)).dtype == np.float32
    assert kernel(X.astype(np.float64)).dtype == np.float64
  wide = np.full((2, 3), 300.0, np.float16)  # whose squares leave 16 bits
  assert kernel(wide).dtype == np.float32
  np.testing.assert_array_equal(kernel(wide), kernel(wide.astype(np.float32)))
  assert "x1 must have shape [N, D], got [3]" in refused(kernel, X[0])
  assert "x1 must be real" in refused(kernel, X * 1j)
  assert "x1 cannot be made an array" in refused(kernel, [[1.0], [1.0, 2.0]])
  assert "x2 must have 3 columns, got 2" in refused(kernel, X, X[:, :2])


def test_heads():
  logits = ntk.apply_head(HEAD, HEAD_PARAMS, X)
  np.testing.assert_array_equal(ntk.apply_head(HEAD, HEAD_PARAMS, X.tolist()), logits)
  diagonal = ntk.head_kernel_diagonal(HEAD_PARAMS, X.tolist())
  np.testing.assert_array_equal(diagonal, ntk.head_kernel_diagonal(HEAD_PARAMS, X))
  for function in (
    lambda x: ntk.apply_head(HEAD, HEAD_PARAMS, x),
    lambda x: ntk.head_kernel_diagonal(HEAD_PARAMS, x),
    lambda x: ntk.head_kernel(HEAD_PARAMS, x),
  ):
    assert "must have 3 columns, got 2" in refused(function, X[:, :2])
  for params in ({}, {"params": HEAD_PARAMS}, PARAMS, [1], None, {"layer_0": 3}):
    message = refused(ntk.head_kernel, params, X)
    assert "params must be those of an MLPHead" in message


@pytest.mark.parametrize(
  ("options", "words"),
  [
    ({"num_classes": 0}, "num_classes must be at least 1, got 0"),
    ({"hidden": (4, 0)}, "hidden must be a list of"),
    ({"hidden": (2.5,)}, "hidden must be a list of"),
    ({"hidden": 4}, "hidden must be a list of"),
  ],
)
def test_widths(options, words):
  options = {"num_classes": 2, "hidden": (4,), **options}
  assert words in refused(ntk.wide_head_kernel, X, **options)
  assert words in refused(ntk.infinite_width_kernel, X, **options)
  assert words in refused(
    ntk.expected_head_kernel_diagonal, jnp.ones(2), dim=3, **options
  )
  if options["hidden"] != 4:  # which Flax refuses itself
    head = ntk.MLPHead(options["num_classes"], options["hidden"])
    assert words in refused(ntk.init_head, head, jax.random.key(0), 3)


def test_heads_of_one_unit_are_heads():
  assert ntk.wide_head_kernel(X, hidden=(1,)).shape == (5, 5)
  ntk.init_head(ntk.MLPHead(1, (1,)), jax.random.key(0), 1)


def test_default_widths_are_the_papers():
  assert ntk.MLPHead(3).hidden == (1024, 2048)


def test_the_default_head_is_the_papers():
  papers = {"num_classes": 3, "hidden": (1024, 2048)}
  for function in (ntk.infinite_width_kernel, ntk.wide_head_kernel):
    np.testing.assert_array_equal(function(X, num_classes=3), function(X, **papers))
  diagonal = ntk.expected_head_kernel_diagonal
  np.testing.assert_array_equal(
    diagonal(jnp.ones(2), dim=3, num_classes=3), diagonal(jnp.ones(2), dim=3, **papers)
  )


def test_no_features():
  assert "dim must be at least 1, got 0" in refused(
    ntk.init_head, HEAD, jax.random.key(0), 0
  )
  assert "dim must be at least 1, got 0" in refused(
    ntk.expected_head_kernel_diagonal, jnp.ones(2), dim=0, num_classes=2
  )


@pytest.mark.parametrize(
  ("key", "got"),
  [
    (0, "got 0: give jax.random.key(0)"),
    (7, "got 7: give jax.random.key(7)"),
    (None, "got None"),
    (np.array([0, 1], np.uint32), "got an array uint32[2]"),
    (jnp.ones(2), "got an array float32[2]"),
    (jax.random.split(jax.random.key(0), 3), "got an array key<fry>[3]"),
  ],
)
def test_keys(key, got):
  assert got in refused(ntk.init_head, HEAD, key, 3)
  labels = np.array([0, 1, 0])
  if key is not None:
    assert got in refused(
      ntk.class_indices, labels, num_classes=2, samples_per_class=1, key=key
    )
  assert got in refused(
    dynamics.lead, X, np.array([0, 1, 0, 1, 1]), key=key, config=dynamics.LeadConfig()
  )


def test_keys_of_both_styles_and_traced_ones_pass():
  for key in (jax.random.key(0), jax.random.PRNGKey(0)):
    ntk.init_head(HEAD, key, 3)
    jax.jit(lambda key: ntk.init_head(HEAD, key, 3))(key)


@pytest.mark.parametrize("name", ["num_classes", "samples_per_class"])
def test_counts_of_samples(name):
  options = {"num_classes": 2, "samples_per_class": 1, name: 0}
  message = refused(ntk.class_indices, np.array([0, 1]), **options)
  assert f"{name} must be at least 1, got 0" in message


def test_classes_at_a_time():
  indices, mask = ntk.class_indices(
    np.array([0, 1]), num_classes=2, samples_per_class=1
  )
  message = refused(
    ntk.class_kernels, HEAD_PARAMS, jnp.asarray(X), indices, mask, batch_size=0
  )
  assert "batch_size must be at least 1, got 0" in message


@pytest.mark.parametrize(
  ("dtype", "rounding", "influence"),
  [("float64", 3e-7, 2e-6), ("float32", 7e-3, 1.5e-2), ("bfloat16", 0.08, 0.15)],
)
@pytest.mark.parametrize("size", [-1.0, 1e-6])
def test_rounding_is_no_influence(dtype, rounding, influence, size):
  with jax.enable_x64(True):
    params = {"w": jnp.full((1, 1), size, dtype)}
    x = jnp.ones((4, 1), dtype)

    def moved(by):
      return lambda p, x: x @ p["w"] * (1 + by * (len(x) > 1))

    assert contract.check_network(moved(rounding), params, x) == 1
    assert "rows must not" in refused(
      contract.check_network, moved(influence), params, x
    )


def test_outputs_that_are_not_finite_neither_pass_for_influence_nor_hide_it():
  x = jnp.array([[jnp.nan], [jnp.inf], [1.0]])
  params = {"w": jnp.ones((1, 1))}
  assert contract.check_network(lambda p, x: x @ p["w"], params, x) == 1
  assert contract.check_network(lambda p, x: x @ p["w"], params, x[:1]) == 1
  moved = lambda p, x: x @ p["w"] * (1 + (len(x) > 1))
  assert "rows must not" in refused(contract.check_network, moved, params, x)
  # Infinite gradients have no difference, and NumPy would warn of it.
  steep = lambda p, x: jnp.exp(100 * x @ p["w"])
  some = jnp.array([[0.0], [1.0]])
  assert contract.check_network(steep, params, some) == 1


def test_influence_that_gradients_do_not_show():
  """However small the outputs are."""
  still = lambda x: jnp.mean(x, axis=0, keepdims=True)[:, :2]
  small = lambda p, x: 1e-6 * (linear(p, x) + still(x))
  assert "rows must not" in refused(contract.check_network, small, PARAMS, X)


def test_influence_through_parameters_that_count_little():
  """A thousandth of the output, and of the gradient, but all of that of one array."""
  params = {**PARAMS, "v": jnp.ones((3, 2))}

  def network(p, x, mixes=True):
    h = x @ p["v"]
    return linear(p, x) + 1e-3 * (h - mixes * jnp.mean(h, axis=0, keepdims=True))

  assert "other gradients" in refused(contract.check_network, network, params, X)
  alone = lambda p, x: network(p, x, mixes=False)
  assert contract.check_network(alone, params, X) == 2


def test_a_network_that_draws_is_seen_with_one_row():
  rng = np.random.default_rng(0)
  noisy = lambda p, x: linear(p, x) + np.float32(rng.standard_normal())
  assert "deterministic" in refused(contract.check_network, noisy, PARAMS, X[:1])


@pytest.mark.parametrize(
  ("text", "words"),
  [("as I please\nor not", "(as I please or not):"), ("", "(ValueError):")],
)
def test_what_a_library_says_is_quoted_in_one_line(text, words):
  class Own:
    def __array__(self, *arguments, **options):
      raise ValueError(text)

  assert words in refused(ntk.wide_head_kernel, Own())


def test_padding_of_the_last_block_is_of_the_inputs_domain():
  """Rows of zeros would divide by zero, which debugging of NaN reports."""
  apply_fn = lambda p, x: p["w"] * (x / x)
  params, x = {"w": jnp.ones((1, 1))}, jnp.arange(1.0, 4)[:, None]
  with jax.debug_nans(True):
    kernel = ntk.empirical_ntk(apply_fn, params, x, kind="summed", batch_size=2)
  np.testing.assert_array_equal(kernel, np.ones((3, 3)))


def test_at_most_thirty_two_rows_are_looked_at():
  """The check costs the same for any number of rows."""
  seen = []

  def watched(params, x):
    if not isinstance(x, jax.core.Tracer):
      seen.append(len(x))
    return linear(params, x)

  assert contract.check_network(watched, PARAMS, jnp.ones((100, 3))) == 2
  assert seen == [32, 32, 32]
