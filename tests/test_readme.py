"""The README's Python runs, and what it names exists."""

import pathlib
import re

import lead_jax

TEXT = (pathlib.Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_three_lines(tmp_path, monkeypatch):
  """As they stand, but for the data and the models, which the reader has, and the time."""
  monkeypatch.setenv("LEAD_JAX_CACHE", str(tmp_path))
  code = BLOCKS[0]
  assert '"photos/", zoo="zoo.json"' in code
  code = code.replace(
    '"photos/", zoo="zoo.json"',
    '"digits", ["digits/mlp_random", "digits/mlp_denoising"], ["feature_norm"]',
  )
  names: dict = {}
  exec(code, names)
  assert sorted(names["report"].ranking()) == [
    "digits/mlp_denoising",
    "digits/mlp_random",
  ]


def test_every_method_by_one_interface():
  names: dict = {}
  exec(BLOCKS[1], names)
  # The lines are expressions: what they give is looked at here.
  features, labels = names["features"], names["labels"]
  halves = [(features[:100], labels[:100]), (features[100:], labels[100:])]
  streamed = lead_jax.score_stream("h_score", halves, num_classes=4)
  whole = lead_jax.score("h_score", features, labels)
  assert abs(streamed - whole) < 1e-4 * whole


def test_the_kernels_of_a_flax_module():
  names: dict = {}
  exec(BLOCKS[2], names)
  assert names["full"].shape == (32, 32, 10, 10)
  assert names["traced"].shape == names["summed"].shape == (32, 32)
  total = names["full"].sum(axis=(2, 3))
  assert abs(total - names["summed"]).max() < 1e-4 * abs(total).max()
  assert names["kernel"].shape == (32, 32)


def test_files_metrics_and_public_names_exist():
  root = pathlib.Path(__file__).resolve().parents[1]
  for link in re.findall(r"\]\(([^)#:]+)\)", TEXT):
    assert (root / link).exists(), link
  for room in re.findall(r"^\| ((?:`[a-z_./]+`(?:, )?)+) \|", TEXT, flags=re.MULTILINE):
    for name in re.findall(r"`([a-z_./]+)`", room):
      if name.endswith((".py", "/")):
        assert (root / "lead_jax" / name).exists(), name
  for name in re.findall(r"lead_jax\.([A-Za-z_]+)\(", TEXT):
    assert hasattr(lead_jax, name), name
