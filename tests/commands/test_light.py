"""Help and listings are there at once: no heavy library is imported for a text."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAVY = (
  *(
    "jax",
    "jaxlib",
    "flax",
    "numpy",
    "jaxtyping",
    "scipy",
    "sklearn",
    "optax",
    "orbax",
  ),
  *("onnx", "PIL", "matplotlib", "tensorflow", "tensorflow_datasets", "torch", "timm"),
)
SCRIPT = """
import sys
from lead_jax.commands.{module} import main
code = main({argv})
heavy = [name for name in {heavy} if name in sys.modules]
print("HEAVY", code, *heavy)
"""


@pytest.mark.parametrize(
  ("module", "argument"),
  [
    ("rank", "--help"),
    ("finetune", "--help"),
    ("evaluate", "--help"),
    ("rank", "models"),
    ("rank", "--spilt=all"),
    ("finetune", "--batch_size=none"),
    ("evaluate", "--nothing"),
  ],
)
def test_nothing_heavy_is_imported(module, argument, tmp_path):
  argv = [f"lead-{module}", argument]
  done = subprocess.run(
    [sys.executable, "-c", SCRIPT.format(module=module, argv=argv, heavy=HEAVY)],
    cwd=ROOT,
    env={"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
    check=True,
  )
  wrong = argument.startswith("--") and argument != "--help"
  assert done.stdout.splitlines()[-1] == f"HEAVY {2 if wrong else 0}"
  assert len(done.stdout.splitlines()) > 20 or wrong


def test_the_package_itself_is_light():
  code = (
    "import sys, lead_jax; print([n for n in ('jax', 'numpy') if n in sys.modules])"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
  )
  assert done.stdout == "[]\n"
