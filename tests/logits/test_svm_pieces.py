"""The SVM's steps, one by one, against NumPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from lead_jax.logits import _svm, _svm_active
from lead_jax.logits._svm_guess import (
  apply_root,
  guess_support,
  inverse_root,
  pull_back,
)
from lead_jax.logits._svm_search import line_search

C = 0.7


@pytest.fixture(autouse=True)
def _float64():
  with jax.enable_x64(True):
    yield


def problem(n=14, d=4, k=3, seed=0, apart=1.0):
  """Samples, the bias among their features, and the signs of one-vs-rest."""
  rng = np.random.default_rng(seed)
  y = np.arange(n) % k
  x = rng.standard_normal((n, d)) + apart * rng.standard_normal((k, d))[y]
  x[:, -1] = 1
  return x, 2 * np.eye(k)[y] - 1


def value(x, sign, w, c=C):
  slack = np.maximum(0, 1 - sign * (x @ w))
  return 0.5 * np.sum(w**2, axis=0) + c * np.sum(slack**2, axis=0)


def optimum(x, sign, c=C):
  """Of each class, by Newton steps that are halved until they descend."""
  columns = []
  for sign_n in sign.T:
    w = np.zeros(x.shape[1])
    for _ in range(200):
      active = x[sign_n * (x @ w) < 1]
      gradient = w - 2 * c * x.T @ (np.maximum(0, 1 - sign_n * (x @ w)) * sign_n)
      step = np.linalg.solve(np.eye(len(w)) + 2 * c * active.T @ active, gradient)
      while np.any(step) and value(x, sign_n, w - step, c) > value(x, sign_n, w, c):
        step = 0.5 * step
      w = w - step
    columns.append(w)
  return np.stack(columns, axis=1)


@pytest.mark.parametrize("stretch", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("c", [C, 40.0])
def test_line_search_finds_the_minimum(stretch, c):
  x, sign = problem()
  rng = np.random.default_rng(1)
  w = rng.standard_normal((4, 3))
  # Newton's direction, which descends, of another length.
  v = (optimum(x, sign, c) - w + 0.1 * rng.standard_normal((4, 3))) * stretch
  found = line_search(w, v, x @ w, x @ v, sign, jnp.asarray(c))
  for k in range(3):
    along = lambda t, k=k: value(x, sign[:, k], w[:, k] + t * v[:, k], c)
    best = minimize_scalar(
      along,
      bounds=(0, 3 / stretch),
      method="bounded",
      options={"xatol": 1e-9 / stretch},
    )
    assert found[k] * stretch == pytest.approx(best.x * stretch, rel=1.5e-4)


def test_line_search_stays_where_nothing_moves():
  x, sign = problem()
  w, zero = np.ones((4, 3)), np.zeros((4, 3))
  found = line_search(w, zero, x @ w, x @ zero, sign, jnp.asarray(C))
  np.testing.assert_array_equal(found, 1)


def test_line_search_comes_back_into_its_bracket():
  """Far from the kink Newton's steps leave the bracket: halves of it are taken."""
  x = np.array([[1.0], [-30.0], [0.02]])
  sign = np.ones((3, 1))
  for w, v in ((-50.0, 1.0), (3.0, -40.0), (-1e3, 0.3)):
    w_dk, v_dk = np.array([[w]]), np.array([[v]])
    found = line_search(w_dk, v_dk, x @ w_dk, x @ v_dk, sign, jnp.asarray(30.0))
    slope = lambda t, w=w, v=v: (
      v
      * (
        (w + t * v) - 60.0 * np.sum(x[:, 0] * np.maximum(0, 1 - x[:, 0] * (w + t * v)))
      )
    )
    low, high = 0.0, 1e9
    for _ in range(200):
      middle = 0.5 * (low + high)
      low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    assert found[0] == pytest.approx(high, rel=1e-3), (w, v)


def test_products_and_factors():
  x, sign = problem()
  gram = x.T @ x
  root = inverse_root(gram, jnp.asarray(0.3))
  whole = np.linalg.inv(gram + 0.3 * np.eye(4))
  np.testing.assert_allclose(root.T @ root, whole, rtol=1e-9)
  r = np.random.default_rng(0).standard_normal((4, 2))
  np.testing.assert_allclose(apply_root(root, r), whole @ r, rtol=1e-9)
  np.testing.assert_allclose(pull_back(sign, x), x.T @ sign, rtol=1e-12)


def admm(x, sign, c):
  """Boyd et al., Section 3, over-relaxed by 1.6, its penalty balanced every 5 steps."""
  n, k = sign.shape
  gram, trace = x.T @ x, np.trace(x.T @ x)
  z, dual, rho = sign.copy(), np.zeros((n, k)), x.shape[1] / trace
  eps = np.finfo(float).eps
  for _ in range(4):
    for _ in range(5):
      ridge = 1 / rho + eps * trace
      w = np.linalg.solve(gram + ridge * np.eye(len(gram)), x.T @ (z - dual))
      q = 1.6 * x @ w - 0.6 * z + dual
      pulled = (rho * q + 2 * c * sign) / (rho + 2 * c)
      z_next = np.where(sign * q >= 1, q, pulled)
      dual = q - z_next
      primal = np.sum((x @ w - z_next) ** 2, axis=0) / np.sum(z_next**2, axis=0)
      second = np.sum((z_next - z) ** 2, axis=0) / np.sum(dual**2, axis=0)
      z = z_next
    ratio = np.clip(primal / second, 1e-4, 1e4)
    ratio = np.clip(np.exp(np.log(ratio).mean() / 4), 0.2, 5)
    dual, rho = dual / ratio, rho * ratio
  return w, dual * sign < 0


@pytest.mark.parametrize("c", [1e-4, C, 1e4])
@pytest.mark.parametrize("apart", [0.3, 3.0])
def test_the_guess_is_twenty_steps_of_admm(c, apart):
  x, sign = problem(apart=apart)
  w, support = guess_support(x, x.T @ x, sign, c)
  expected, active = admm(x, sign, c)
  np.testing.assert_allclose(w, expected, rtol=1e-6, atol=1e-9)
  np.testing.assert_array_equal(support, active)


def test_the_guess_of_no_slack_stays_finite():
  x, sign = np.zeros((6, 2)), np.ones((6, 2))
  x[:, 0] = 1
  w, _ = guess_support(x, x.T @ x, sign, 1e6)
  assert np.all(np.isfinite(w))


def conjugate_gradients(matrices, inverse, b, active):
  """Of every column until its preconditioned residual is a tenth; twentieths are left."""
  v, r = np.zeros_like(b), b.copy()
  s = inverse @ r
  p, rs = s.copy(), np.sum(r * s, axis=0)
  first, steps = rs.copy(), 0
  while True:
    todo = active & (rs > 0.01 * first)
    if todo.sum() <= 0.05 * np.sum(active) or steps == 40:
      return v, steps
    hp = np.stack([m @ p[:, k] for k, m in enumerate(matrices)], axis=1)
    for k in np.flatnonzero(todo):
      length = rs[k] / (p[:, k] @ hp[:, k])
      v[:, k] += length * p[:, k]
      r[:, k] -= length * hp[:, k]
      s[:, k] = inverse @ r[:, k]
      after = r[:, k] @ s[:, k]
      p[:, k] = s[:, k] + after / rs[k] * p[:, k]
      rs[k] = after
    steps += 1


def systems(k, spread, d=6, seed=0):
  rng = np.random.default_rng(seed)
  matrices = []
  for i in range(k):
    q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    matrices.append(q @ np.diag(np.geomspace(1, spread[i % len(spread)], d)) @ q.T)
  matrices = np.stack(matrices)
  return matrices, np.linalg.inv(matrices.mean(axis=0)), rng.standard_normal((d, k))


@pytest.mark.parametrize(
  ("k", "spread"), [(3, (1.5, 30, 1e3)), (25, (*[2.0] * 24, 1e4)), (41, (3, 1e3))]
)
def test_conjugate_gradients_end_column_by_column(k, spread):
  matrices, inverse, b = systems(k, spread)
  active = np.arange(k) != 1
  calls = []

  def product(p):
    jax.debug.callback(lambda: calls.append(1))
    return jnp.einsum("kde,ek->dk", matrices, p)

  found = _svm._conjugate_gradients(
    product, lambda r: inverse @ r, jnp.asarray(b), jnp.asarray(active)
  )
  expected, steps = conjugate_gradients(matrices, inverse, b, active)
  np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)
  jax.effects_barrier()
  assert len(calls) == steps
  np.testing.assert_array_equal(found[:, 1], 0)


def test_conjugate_gradients_end_after_forty_steps():
  d = 200
  matrix = np.diag(np.geomspace(1, 1e9, d))
  b = np.ones((d, 1))
  calls = []

  def product(p):
    jax.debug.callback(lambda: calls.append(1))
    return matrix @ p

  _svm._conjugate_gradients(product, lambda r: r, jnp.asarray(b), jnp.asarray([True]))
  jax.effects_barrier()
  assert len(calls) == conjugate_gradients(matrix[None], np.eye(d), b, True)[1] == 40


def certificate(x, sign, w, c):
  """The relative gap at the best multiple of the dual point that w gives."""
  slack = np.maximum(0, 1 - sign * (x @ w))
  u = 2 * c * x.T @ (slack * sign)
  gap = lambda s: 0.5 * np.sum((w - s * u) ** 2) + c * (1 - s) ** 2 * np.sum(slack**2)
  best = minimize_scalar(gap, bounds=(0, 5), method="bounded", options={"xatol": 1e-10})
  return best.fun / value(x, sign, w, c), u / (2 * c)


def together(x, sign, w, large, *, c=C, tol=1e-8, max_iter=150):
  return _svm._solve_together(
    jnp.asarray(x),
    jnp.asarray(x.T @ x),
    jnp.asarray(sign),
    jnp.asarray(w),
    jnp.asarray(large),
    jnp.asarray(c),
    tol,
    max_iter,
  )


def test_the_shared_steps_begin_with_a_certificate():
  x, sign = problem()
  w = 0.3 * np.random.default_rng(3).standard_normal((4, 3))
  w[:, 2] = -w[:, 2] * 4
  state = together(x, sign, w, np.zeros(3, bool))
  assert state.step == 0
  np.testing.assert_array_equal(state.w_dk, w)
  np.testing.assert_allclose(state.z_nk, x @ w, rtol=1e-12)
  np.testing.assert_allclose(state.objective_k, value(x, sign, w), rtol=1e-12)
  for k in range(3):
    gap, u = certificate(x, sign[:, k], w[:, k], C)
    assert state.gap_k[k] == pytest.approx(gap, rel=1e-6)
    np.testing.assert_allclose(state.u_dk[:, k], u, rtol=1e-10)
  np.testing.assert_array_equal(state.stalled_k, 0)


def test_a_point_without_slack_has_no_gap_but_its_norm():
  """No dual point is better than zero there."""
  x, sign = np.array([[3.0], [4.0]]), np.ones((2, 1))
  state = together(x, sign, np.array([[1.0]]), np.array([False]))
  assert state.objective_k[0] == 0.5
  assert state.gap_k[0] == 1


def test_the_shared_steps_reach_the_optimum_of_large_classes_only():
  x, sign = problem(60, 4, 3, apart=0.2)
  w = np.zeros((4, 3))
  large = np.array([True, False, True])
  state = together(x, sign, w, large)
  best = optimum(x, sign)
  np.testing.assert_allclose(state.w_dk[:, large], best[:, large], rtol=1e-3, atol=1e-4)
  np.testing.assert_allclose(
    state.objective_k[large], value(x, sign, best)[large], rtol=1e-7
  )
  np.testing.assert_array_equal(state.w_dk[:, 1], 0)
  assert np.all(state.gap_k[large] < 1e-8)
  assert 2 <= state.step <= 12
  short = together(x, sign, w, large, max_iter=2)
  assert short.step == 2
  loose = together(x, sign, w, large, tol=0.3)
  assert np.all(loose.gap_k[large] <= 0.3)
  assert loose.step < state.step


def exact(x, sign, active, c):
  """The optimum when only some samples count, and its dual point."""
  x_a, y_a = x[active], sign[active]
  a = np.linalg.solve(x_a @ x_a.T + np.eye(len(y_a)) / (2 * c), y_a)
  alpha = np.zeros(len(x))
  alpha[active] = np.maximum(0, y_a * a)
  return alpha, x.T @ (sign * alpha), x_a.T @ a


@pytest.mark.parametrize(
  ("n", "d", "chunk"), [(60, 20, 5), (30, 40, 1024), (90, 40, 1024)]
)
def test_systems_on_the_active_samples(monkeypatch, n, d, chunk):
  """By kernel or in D dimensions, at every capacity: one answer."""
  monkeypatch.setattr(_svm_active, "_CHUNK", chunk)
  x, sign = problem(n, d, 2, apart=0.5)
  solve = jax.jit(_svm_active._solve_on, static_argnums=4)
  order = np.random.default_rng(0).permutation(n)
  for count in {1, 16, 17, int(0.4 * d), int(0.9 * d), n // 2, n - 1, n}:
    active = np.isin(np.arange(n), order[:count])
    for c in (0.01, 30.0):
      found = solve(x, sign[:, 0], active, c, 1e-9)
      expected = exact(x, sign[:, 0], active, c)
      for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6 * np.abs(theirs).max())


def test_refinement_ends_by_the_error_or_after_three_more_steps():
  rng = np.random.default_rng(0)
  a = rng.standard_normal((5, 5))
  a, b, c = a @ a.T, rng.standard_normal(5), 2.0
  whole = a + np.eye(5) / (2 * c)
  calls = []

  def product(x):
    jax.debug.callback(lambda: calls.append(1))
    return jnp.asarray(0.9 * whole) @ x  # as if the factor were off by a tenth

  def run(limit):
    calls.clear()
    found = _svm_active._refine(
      jnp.asarray(a),
      product,
      jnp.asarray(b),
      jnp.asarray(c),
      lambda r: jnp.sum(r**2),
      lambda x: jnp.asarray(limit) + 0 * jnp.sum(x),
    )
    jax.effects_barrier()
    solution = np.linalg.solve(whole, b)
    return np.asarray(found) @ solution / (solution @ solution), len(calls)

  # Every step takes a tenth of what is left: 1, 1.1, 1.11, 1.111.
  for limit, share, steps in ((10.0, 1.0, 1), (1e-3 * b @ b, 1.1, 2), (0, 1.111, 4)):
    found, count = run(limit)
    assert (found, count) == (pytest.approx(share, rel=1e-6), steps), limit


def test_a_matrix_that_is_singular_by_rounding_is_factored_all_the_same():
  ones = jnp.ones((6, 6)) * 1e12
  found = _svm_active._refine(
    ones, lambda x: ones @ x, jnp.ones(6), jnp.asarray(1e12), jnp.sum, jnp.sum
  )
  assert np.all(np.isfinite(found))


def test_one_class_after_one_step_is_the_system_on_the_guess():
  x, sign = problem()
  active = sign[:, 0] * x[:, 0] < 0.5
  found = _svm_active.solve_class(
    jnp.asarray(x),
    jnp.asarray(sign[:, 0]),
    jnp.asarray(active),
    c=C,
    tol=1e-9,
    max_iter=jnp.asarray(1),
  )
  alpha, dual, w = exact(x, sign[:, 0], active, C)
  slack = np.maximum(0, 1 - sign[:, 0] * (x @ w))
  beyond = np.maximum(0, sign[:, 0] * (x @ w) - 1)
  objective = value(x, sign[:, 0], w)
  gap = 0.5 * np.sum((w - dual) ** 2)
  gap += np.sum(C * (slack - alpha / (2 * C)) ** 2 + alpha * beyond)
  assert gap > 1e-3
  w_d, z_n, found_objective, found_gap, steps = found
  np.testing.assert_allclose(w_d, w, rtol=1e-8)
  np.testing.assert_allclose(z_n, x @ w, rtol=1e-8)
  assert found_objective == pytest.approx(objective, rel=1e-8)
  assert found_gap == pytest.approx(gap / objective, rel=1e-6)
  assert steps == 1


def along(x, sign, w, v, c):
  """The minimum of f(w + t v), by bisection of its slope."""
  pull = lambda t: np.maximum(0, 1 - sign * (x @ (w + t * v))) * sign
  slope = lambda t: v @ (w + t * v) - 2 * c * pull(t) @ (x @ v)
  low, high = 0.0, 1.0
  while slope(high) < 0:
    low, high = high, 2 * high
  for _ in range(60):
    middle = 0.5 * (low + high)
    low, high = (middle, high) if slope(middle) < 0 else (low, middle)
  return high


def newton(x, sign, active, c, max_iter, tol=1e-8):
  """The exact steps of the module's docstring: full, at a lower C, or searched along."""
  eps = np.finfo(float).eps

  def evaluate(point, c):
    alpha, dual, w = point
    slack, beyond = (np.maximum(0, s * (1 - sign * (x @ w))) for s in (1, -1))
    gap = 0.5 * np.sum((w - dual) ** 2) + alpha @ beyond
    gap += c * np.sum((slack - alpha / (2 * c)) ** 2)
    return value(x, sign, w, c), gap / value(x, sign, w, c)

  final, low = c, min(c, len(x) / np.sum(x**2))
  point = (np.zeros(len(x)), np.zeros(x.shape[1]), np.zeros(x.shape[1]))
  f = gap = best = np.inf
  may_lower, stalled, step = True, 0, 0
  while (c < final or (gap > tol and stalled < 4)) and step < max_iter:
    new = exact(x, sign, active, c)
    descends = evaluate(new, c)[0] < f * (1 + np.sqrt(eps))
    lowered = not descends and may_lower and c > low
    if descends:
      point = new
    elif not lowered:
      t = along(x, sign, point[2], new[2] - point[2], c)
      parts = zip(point, new, (min(t, 1), min(t, 1), t), strict=True)
      point = tuple(a + part * (b - a) for a, b, part in parts)
    before, (f, gap) = f, evaluate(point, c)
    halved = gap < 0.5 * best
    progress = f < before * (1 - max(4 * eps, 0.01 * tol)) or halved or lowered
    stalled = 0 if progress else stalled + 1
    raised = (gap < 0.5 or stalled == 4) and not lowered and c < final
    if lowered:
      c = max(c / 100, low)
    if raised:
      c, may_lower = min(10 * c, final), False
    if lowered or raised:
      f, gap = evaluate(point, c)
      best, stalled = gap, 0
    elif halved:
      best = gap
    active = sign * (x @ point[2]) < 1
    step += 1
  return point[2], x @ point[2], *evaluate(point, final), step


def separable_only_just(n, d, scale, noise, seed):
  rng = np.random.default_rng(seed)
  x = scale * rng.standard_normal((n, d))
  x[:, -1] = 1
  sign = np.where(x[:, 0] / scale + noise * rng.standard_normal(n) > 0, 1.0, -1.0)
  return x, sign, rng.random(n) < 0.5


@pytest.mark.parametrize(
  "case",
  [
    (30, 10, 100, 0.1, 2),  # lowers C three times, raises it five, searches four times
    (30, 10, 3, 0.1, 2),  # once, twice, five times
    (40, 8, 3, 0.6, 0),  # goes straight
  ],
)
def test_one_class_goes_the_way_that_is_described(case):
  x, sign, active = separable_only_just(*case)
  solve = jax.jit(_svm_active.solve_class, static_argnames=("c", "tol"))
  for max_iter in (*range(1, 26), 150):
    found = solve(x, sign, active, c=1.0, tol=1e-8, max_iter=max_iter)
    expected = newton(x, sign, active, 1.0, max_iter)
    assert found[4] == expected[4]
    for ours, theirs in zip(found[:3], expected, strict=False):
      np.testing.assert_allclose(ours, theirs, atol=2e-4 * np.abs(theirs).max())
    np.testing.assert_allclose(found[3], expected[3], rtol=0.02, atol=1e-8)
  assert found[3] <= 1e-8


def test_one_class_ends_where_rounding_does():
  """Four steps in a row that bring nothing are the end, whatever gap is asked for."""
  x, sign, active = separable_only_just(30, 10, 3, 0.1, 2)
  solve = jax.jit(_svm_active.solve_class, static_argnames=("c", "tol"))
  enough = solve(x, sign, active, c=1.0, tol=1e-8, max_iter=150)[4]
  steps = solve(x, sign, active, c=1.0, tol=1e-300, max_iter=150)[4]
  assert enough + 4 <= steps <= enough + 12
