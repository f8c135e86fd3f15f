"""A kept export: every file is what was written, or it is exported again."""

import json

import numpy as np
import pytest

from lead_jax.backbones._timm import _export as export

FOUND = {"exporter": "dynamo", "relative_error": 1e-6, "reason": ""}


@pytest.fixture
def made(monkeypatch):
  """Stands in for torch's exporters; counts exports."""
  count = []

  def write(folder, network, example, load):
    count.append(folder)
    (folder / export.FILE).write_bytes(b"a network")
    (folder / "model.onnx.data").write_bytes(b"its weights")
    return dict(FOUND)

  monkeypatch.setattr(export, "_export", write)
  return count


def _exported(folder):
  return export.exported(folder, None, np.zeros(1), lambda path: None)


@pytest.mark.parametrize("name", [export.FILE, "model.onnx.data", export.RECORD])
@pytest.mark.parametrize("how", ["bit", "emptied", "removed"])
def test_a_damaged_export_is_made_again(tmp_path, made, name, how):
  folder = tmp_path / "timm" / "net"
  record = _exported(folder)
  assert record.items() >= FOUND.items()
  assert _exported(folder) == record
  assert len(made) == 1
  path = folder / name
  if how == "bit":
    data = bytearray(path.read_bytes())
    data[data.index(b"6") if name == export.RECORD else 3] ^= 1  # 1e-06, 1e-07
    path.write_bytes(data)
  elif how == "emptied":
    path.write_bytes(b"")
  else:
    path.unlink()
  assert _exported(folder) == record
  assert len(made) == 2
  assert json.loads((folder / export.RECORD).read_text())["exporter"] == "dynamo"
  assert [path.name for path in folder.parent.iterdir()] == ["net"]
