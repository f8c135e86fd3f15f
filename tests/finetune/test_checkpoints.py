"""A checkpoint comes back as it was, or not at all."""

import os
import signal
import time

import jax.numpy as jnp
import numpy as np
import pytest

from lead_jax.finetune import _checkpoints as checkpoints

STATE = {"a": (jnp.arange(6.0).reshape(2, 3), jnp.asarray(7)), "losses": np.ones(4)}


@pytest.fixture
def folder(tmp_path):
  place = tmp_path / "checkpoint"
  for epoch in (1, 2):
    state = {**STATE, "losses": np.full(4, float(epoch), np.float32)}
    checkpoints.save(place, epoch, state, key="mine", notes={"seconds": epoch})
  return place


def _restore(folder, key="mine"):
  said = []
  like = {**STATE, "losses": np.zeros(4, np.float32)}
  return checkpoints.restore(folder, like, key=key, warn=said.append), said


def test_the_last_one_is_kept_and_read(folder):
  (epoch, state, notes), said = _restore(folder)
  assert (epoch, notes, said) == (2, {"seconds": 2}, [])
  np.testing.assert_array_equal(state["a"][0], STATE["a"][0])
  np.testing.assert_array_equal(state["losses"], np.full(4, 2.0))
  assert not (folder / "1").exists()


def test_what_a_killed_session_left_is_cleared_away(folder, capfd):
  for left in ("3", "3.orbax-checkpoint-tmp"):
    (folder / left).mkdir()
    (folder / left / "part").write_text("x")
  state = {**STATE, "losses": np.zeros(4, np.float32)}
  checkpoints.save(folder, 3, state, key="mine", notes={})
  assert sorted(path.name for path in folder.iterdir()) == ["3", "3.json"]
  assert _restore(folder)[0][0] == 3
  assert capfd.readouterr().err == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_waits_until_it_is_written(folder, monkeypatch, number):
  hashes = checkpoints._hashes

  def interrupted(place):
    os.kill(os.getpid(), number)
    time.sleep(0)  # here Python would raise it
    return hashes(place)

  monkeypatch.setattr(checkpoints, "_hashes", interrupted)
  # Whatever it is in this process: a job in the background ignores SIGINT.
  before = signal.signal(number, signal.default_int_handler)
  try:
    with pytest.raises(KeyboardInterrupt):
      checkpoints.save(folder, 3, STATE, key="mine", notes={})
    assert signal.getsignal(number) is signal.default_int_handler
  finally:
    signal.signal(number, before)
  assert sorted(path.name for path in folder.iterdir()) == ["3", "3.json"]


def test_nothing_there_is_no_trouble(tmp_path):
  assert _restore(tmp_path / "none") == (None, [])


def test_another_runs_is_not_used(folder):
  found, said = _restore(folder, key="other")
  assert found is None
  assert len(said) == 1
  assert "its run starts anew: it belongs to another run" in said[0]
  assert not folder.exists()


@pytest.mark.parametrize("how", ["cut", "changed", "emptied"])
def test_damage_is_one_line(folder, how):
  files = [path for path in folder.rglob("*") if path.is_file()]
  for path in files:
    content = bytearray(path.read_bytes())
    if how == "cut" and "/d/" in str(path):
      path.write_bytes(bytes(content[: len(content) // 2]))
    elif how == "changed" and "/d/" in str(path):
      content[len(content) // 2] ^= 255
      path.write_bytes(bytes(content))
    elif how == "emptied" and path.suffix == ".json":
      path.write_bytes(b"")
  found, said = _restore(folder)
  assert found is None
  assert len(said) == 1
  assert "\n" not in said[0]
  assert not folder.exists()
