"""The global `jax` modules are as they were after neural-tangents has been imported."""

import subprocess
import sys
import textwrap

from lead_jax.ntk import _neural_tangents as neural_tangents


def _run(code):
  return subprocess.run(
    [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
    capture_output=True,
    text=True,
    check=False,
  )


def test_jax_is_left_as_it_was():
  result = _run(
    """
    import sys
    import jax, jax.extend.core
    import jax.interpreters.ad as ad
    snapshot = lambda: (dict(vars(jax.core)), dict(vars(ad)))
    before = snapshot()
    from lead_jax.ntk import _neural_tangents as neural_tangents
    library = neural_tangents.load("a test")
    assert library.__version__ == "0.6.5"
    assert snapshot() == before
    assert "jax.util" not in sys.modules
    assert "neural_tangents.experimental" not in sys.modules
    assert "tensorflow" not in sys.modules and "tf2jax" not in sys.modules
    assert neural_tangents.load("a test") is library
    """
  )
  assert result.returncode == 0, result.stderr


def test_importing_the_package_does_not_import_neural_tangents():
  result = _run("import sys, lead_jax.ntk; assert 'neural_tangents' not in sys.modules")
  assert result.returncode == 0, result.stderr


def test_a_failed_import_is_explained_and_leaves_nothing():
  result = _run(
    """
    import sys
    from lead_jax.checks import InputError
    from lead_jax.ntk import _neural_tangents as neural_tangents
    neural_tangents._CORE_NAMES = ()
    try:
      neural_tangents.load("a test")
    except InputError as error:
      assert "a test needs neural_tangents, which is installed but fails" in str(error)
      assert "tested: neural-tangents 0.6.5" in str(error), error
      assert "lead_jax[ntk]" in str(error), error
    else:
      raise SystemExit("the import should have failed")
    assert not [m for m in sys.modules if m.startswith("neural_tangents")]
    assert "jax.util" not in sys.modules
    assert "jax" in sys.modules and "lead_jax.ntk" in sys.modules
    """
  )
  assert result.returncode == 0, result.stderr


def test_structured_derivatives_are_not_offered():
  from lead_jax.ntk import _empirical as empirical

  assert "structured_derivatives" not in str(empirical.Implementation)
  assert neural_tangents.load("a test").__name__ == "neural_tangents"
