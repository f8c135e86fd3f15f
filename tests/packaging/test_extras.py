"""A library that is not installed: one line that names the extra."""

import subprocess
import sys

import pytest

from lead_jax.backbones._resolve import resolve_models
from lead_jax.checks import InputError, need
from lead_jax.data import load_dataset

SAYS = r".* needs {module}, which is not installed: pip install 'lead_jax\[{extra}\]'"


def _timm(folder):
  resolve_models(["timm/resnet18"], None)


def _tfds(folder):
  load_dataset("tfds:mnist", data_dir=folder)


def _checkpoint(folder):
  from lead_jax.backbones._weights import read_weights

  (folder / "model.ckpt.index").write_bytes(b"")
  read_weights(folder / "model.ckpt")


def _figures(folder):
  from lead_jax.assessment import plotting

  with plotting.styled():
    pass


def _digits(folder):
  from experiments.digits import data

  data.load_source()


def _heif(folder):
  for name in "ab":
    (folder / name).mkdir()
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
    (folder / name / "photo.heic").write_bytes(content)
  load_dataset(folder)


@pytest.mark.parametrize(
  ("module", "extra", "use"),
  [
    ("pillow_heif", "heif", _heif),
    ("timm", "torch", _timm),
    ("torch", "torch", _timm),
    ("onnxscript", "torch", _timm),
    ("tensorflow_datasets", "tfds", _tfds),
    ("tensorflow", "tensorflow", _checkpoint),
    ("matplotlib", "figures", _figures),
    ("sklearn.datasets", "figures", _digits),
  ],
)
def test_what_is_missing_is_named_with_its_extra(
  module, extra, use, tmp_path, monkeypatch
):
  named_first = {"torch": ["onnxscript"], "timm": ["onnxscript", "torch"]}
  for other in named_first.get(module, ()):
    pytest.importorskip(other, reason=f"{other} is not here, and named first")
  monkeypatch.setitem(sys.modules, module, None)
  with pytest.raises(InputError) as caught:
    use(tmp_path)
  assert caught.match("^" + SAYS.format(module=module, extra=extra) + "$")


def test_preparing_without_tensorflow(tmp_path):
  pytest.importorskip("tensorflow_datasets", reason="tensorflow-datasets is not here")
  program = """
import importlib.util
import sys

class Hidden:
  def find_spec(name, path=None, target=None):
    if name.split(".")[0] == "tensorflow":
      raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden)
importlib.util.find_spec = lambda name: None
from lead_jax.data import load_dataset
for download in (False, True):
  try:
    load_dataset("tfds:mnist", data_dir=sys.argv[1], download=download)
  except ValueError as error:
    print(error)
"""
  done = subprocess.run(
    [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True
  )
  install = "pip install 'lead_jax[tensorflow]'"
  assert done.stdout.splitlines() == [
    f"tfds:mnist is not prepared in {str(tmp_path)!r}: run `tfds build mnist "
    f"--data_dir={tmp_path}` after {install}",
    f"preparing tfds:mnist needs tensorflow, which is not installed: {install}",
  ], done.stderr


def test_kernels_without_neural_tangents():
  """All but the exact and the infinite ones; these name the extra, and the way around."""
  program = """
import sys
for name in ("neural_tangents", "tensorflow", "frozendict"):
  sys.modules[name] = None
import jax
from lead_jax import ntk
head = ntk.MLPHead(2, (4, 3))
x = jax.random.normal(jax.random.key(1), (3, 5))
params = ntk.init_head(head, jax.random.key(0), 5)
print(ntk.head_kernel(params, x).shape, ntk.head_kernel_diagonal(params, x).shape)
for function in (
  lambda: ntk.empirical_ntk(lambda p, x: ntk.apply_head(head, p, x), params, x),
  lambda: ntk.infinite_width_kernel(x, num_classes=2),
):
  try:
    function()
  except ValueError as error:
    print(error)
"""
  done = subprocess.run(
    [sys.executable, "-c", program], capture_output=True, text=True, check=True
  )
  shapes, *said = done.stdout.splitlines()
  assert shapes == "(3, 3) (3,)"
  assert len(said) == 2
  for line, function in zip(
    said, ("empirical_ntk", "infinite_width_kernel"), strict=True
  ):
    start = f"{function} needs neural_tangents, which is not installed: pip install "
    assert line.startswith(start + "'lead_jax[ntk]' (tested")
    assert "pip install --no-deps neural-tangents==0.6.5 frozendict" in line


def test_a_library_that_does_not_start_is_told_from_one_that_is_not_there(
  tmp_path, monkeypatch
):
  (tmp_path / "broken_library.py").write_text("raise OSError('no symbol\\n found')")
  monkeypatch.syspath_prepend(tmp_path)
  message = r"^A test needs broken_library, .* fails to import \(no symbol found\): "
  with pytest.raises(InputError, match=message) as caught:
    need("broken_library", extra="figures", purpose="A test", note="or not")
  assert str(caught.value).endswith("pip install 'lead_jax[figures]' (or not)")
