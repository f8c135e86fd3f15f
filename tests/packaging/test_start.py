"""What a program pays for that does not use it: nothing heavy is imported at the start."""

import subprocess
import sys

HEAVY = (
  "diffrax",
  "flax",
  "jax",
  "jaxlib",
  "matplotlib",
  "neural_tangents",
  "numpy",
  "onnx",
  "optax",
  "orbax",
  "rich",
  "scipy",
  "sklearn",
  "tensorflow",
  "torch",
)


def test_importing_the_package_imports_nothing_heavy():
  program = "import sys, lead_jax; print(*sys.modules)"
  done = subprocess.run(
    [sys.executable, "-c", program], capture_output=True, text=True, check=True
  )
  imported = {name.split(".")[0] for name in done.stdout.split()}
  assert "lazy_loader" in imported
  assert not imported & set(HEAVY)
