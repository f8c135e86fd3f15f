"""The store: sound entries come back, everything else is named and made again."""

import errno
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

from lead_jax.checks._errors import InputError
from lead_jax.features import _store as store_module
from lead_jax.features._store import FeatureStore
from lead_jax.system import _atomic as atomic, content_key

KEY = content_key(test=1)
ARRAYS = {
  "features": np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32),
  "logits": np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32),
}


@pytest.fixture
def heard():
  return []


@pytest.fixture
def store(tmp_path, heard):
  return FeatureStore(tmp_path / "cache", warn=heard.append)


def entry(store: FeatureStore, key: str = KEY) -> pathlib.Path:
  return store.root / "arrays" / key[:2] / key


def assert_same(found, expected=ARRAYS):
  assert found.keys() == expected.keys()
  for name in expected:
    assert found[name].dtype == expected[name].dtype
    np.testing.assert_array_equal(found[name], expected[name])


def leftovers(store: FeatureStore) -> list[pathlib.Path]:
  return [path for path in store.root.rglob("*") if path.name.endswith(".tmp")]


def test_round_trip(store, heard):
  assert store.get(KEY) is None
  store.put(KEY, ARRAYS)
  found = store.get(KEY)
  assert_same(found)
  assert isinstance(found["features"], np.memmap)
  assert not found["features"].flags.writeable
  assert_same(FeatureStore(store.root).get(KEY))
  assert store.get(content_key(test=2)) is None
  assert heard == []
  assert leftovers(store) == []


@pytest.mark.parametrize(
  "array",
  [
    np.arange(12.0).reshape(3, 4).T,
    np.arange(10, dtype=np.int32)[::2],
    np.float64(3.0) * np.ones(()),
  ],
)
def test_arrays_of_other_kinds(store, array):
  store.put(KEY, {"x": array})
  np.testing.assert_array_equal(store.get(KEY)["x"], array)


def test_json(store, heard):
  assert store.get_json(KEY) is None
  value = {"lead": -1.5, "names": ["a", "ü"], "nan": float("inf"), "none": None}
  store.put_json(KEY, value)
  assert store.get_json(KEY) == value
  store.put_json(KEY, [1])
  assert FeatureStore(store.root).get_json(KEY) == [1]
  assert store.get(KEY) is None  # Arrays and results do not meet.
  with pytest.raises(TypeError):
    store.put_json(content_key(test=3), {"x": object()})
  assert store.get_json(content_key(test=3)) is None
  assert heard == []
  assert leftovers(store) == []


def test_keys_depend_on_every_part_and_not_on_order():
  parts = {"a": 1, "b": [1.5, "x"], "c": {"d": None}}
  key = content_key(**parts)
  assert len(key) == 64
  assert content_key(**dict(reversed(parts.items()))) == key
  for name, value in (("a", 2), ("b", [1.5, "y"]), ("c", {"d": 0})):
    assert content_key(**{**parts, name: value}) != key


@pytest.mark.parametrize("key", ["", "../../etc", "ABCDEF0123", "abc", "g" * 64])
def test_odd_keys_are_refused(store, key):
  for call in (store.get, store.get_json):
    with pytest.raises(ValueError, match="hex digits"):
      call(key)


def damage(path: pathlib.Path, how: str) -> None:
  data = bytearray(path.read_bytes())
  if how == "truncated":
    path.write_bytes(data[: len(data) * 2 // 3])
  elif how == "emptied":
    path.write_bytes(b"")
  elif how == "bit":
    data[-5] ^= 4
    path.write_bytes(data)
  elif how == "header":
    data[12] ^= 4
    path.write_bytes(data)
  elif how == "removed":
    path.unlink()
  else:
    path.write_bytes(data + b"more")


@pytest.mark.parametrize("name", ["features.npy", "logits.npy", "MANIFEST"])
@pytest.mark.parametrize("how", ["truncated", "emptied", "bit", "header", "removed"])
def test_damage_is_named_and_repaired(store, heard, name, how):
  store.put(KEY, ARRAYS)
  damage(entry(store) / name, how)
  assert store.get(KEY) is None
  (message,) = heard
  assert KEY in message
  assert "computed again" in message
  assert "\n" not in message
  store.put(KEY, ARRAYS)
  assert_same(store.get(KEY))
  assert len(heard) == 1
  assert leftovers(store) == []


@pytest.mark.parametrize("how", ["truncated", "emptied", "bit", "header", "longer"])
def test_damaged_json_is_named_and_repaired(store, heard, how):
  store.put_json(KEY, {"lead": 1.25})
  damage(store.root / "json" / KEY[:2] / f"{KEY}.json", how)
  assert store.get_json(KEY) is None
  (message,) = heard
  assert KEY in message
  assert "\n" not in message
  store.put_json(KEY, {"lead": 1.25})
  assert store.get_json(KEY) == {"lead": 1.25}


def test_an_entry_moved_to_another_key_is_not_believed(store, heard):
  store.put(KEY, ARRAYS)
  store.put_json(KEY, 1)
  other = content_key(test=2)
  entry(store, other).parent.mkdir(parents=True, exist_ok=True)
  entry(store).rename(entry(store, other))
  (store.root / "json" / other[:2]).mkdir(parents=True, exist_ok=True)
  (store.root / "json" / KEY[:2] / f"{KEY}.json").rename(
    store.root / "json" / other[:2] / f"{other}.json"
  )
  assert store.get(other) is None
  assert store.get_json(other) is None
  assert len(heard) == 2


def test_pickles_are_never_loaded(store, heard):
  store.put(KEY, ARRAYS)
  with open(entry(store) / "features.npy", "wb") as file:
    np.save(file, np.array([print], dtype=object), allow_pickle=True)
  assert store.get(KEY) is None
  assert len(heard) == 1


def test_a_sound_entry_is_not_replaced(store):
  store.put(KEY, ARRAYS)
  inode = (entry(store) / "features.npy").stat().st_ino
  mapped = store.get(KEY)
  store.put(KEY, ARRAYS)
  assert (entry(store) / "features.npy").stat().st_ino == inode
  assert_same(mapped)


def test_a_mapped_entry_survives_its_replacement(store):
  store.put(KEY, ARRAYS)
  mapped = store.get(KEY)
  damage(entry(store) / "MANIFEST", "bit")
  store.put(KEY, ARRAYS)
  assert_same(mapped)


@pytest.mark.parametrize("text", ["lead_jax feature store 999\n"])
def test_another_version_is_refused(store, text):
  store.put(KEY, ARRAYS)
  (store.root / "VERSION").write_text(text)
  with pytest.raises(InputError, match="written by another version") as caught:
    FeatureStore(store.root)
  message = str(caught.value)
  assert "\n" not in message
  for part in (str(store.root), "feature store 1", "cache_dir=", *text.split()[:4]):
    assert part in message
  assert (entry(store) / "features.npy").exists()


@pytest.mark.parametrize("text", [b"", b"lead_jax featur\xe5 store 1\n", b"lead"])
def test_a_damaged_version_is_written_anew(store, heard, text):
  store.put(KEY, ARRAYS)
  (store.root / "VERSION").write_bytes(text)
  again = FeatureStore(store.root, warn=heard.append)
  assert_same(again.get(KEY))
  assert len(heard) == 1
  assert "VERSION' is damaged: written anew" in heard[0]
  FeatureStore(store.root, warn=heard.append)
  assert len(heard) == 1


@pytest.mark.parametrize("text", ["", "something else entirely\nof two lines"])
def test_a_version_among_other_things_is_no_store(store, text):
  (store.root / "VERSION").write_text(text)
  (store.root / "thesis.tex").write_text("x")
  with pytest.raises(InputError, match="written by another version"):
    FeatureStore(store.root)


def test_every_flipped_bit_of_a_header_is_found(store, heard):
  """NumPy's reader of headers raises SyntaxError, TokenError and others, or believes it."""
  store.put(KEY, ARRAYS)
  path = entry(store) / "logits.npy"
  sound = path.read_bytes()
  for bit in range(8 * 128):
    data = bytearray(sound)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    with warnings.catch_warnings(action="ignore"):  # NumPy's, of a file of Python 2
      found = store.get(KEY)
    if found is None:
      assert "is damaged" in heard[-1], bit
      store.said.clear()
    else:
      assert_same(found)  # spaces that fill the header
  path.write_bytes(bytes(data))
  store.put(KEY, ARRAYS)
  assert_same(store.get(KEY))


def test_a_folder_of_other_things_is_refused_and_untouched(tmp_path):
  (tmp_path / "thesis.tex").write_text("x")
  with pytest.raises(InputError, match="is not a feature store"):
    FeatureStore(tmp_path)
  assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_its_place_is_refused(tmp_path):
  (tmp_path / "cache").write_text("x")
  for path in (tmp_path / "cache", tmp_path / "cache" / "below"):
    with pytest.raises(InputError, match="cache_dir=") as caught:
      FeatureStore(path)
    assert "\n" not in str(caught.value)


def test_an_existing_empty_folder_and_home_become_stores(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  (tmp_path / "cache").mkdir()
  (tmp_path / "cache" / ".DS_Store").write_text("x")
  assert FeatureStore("~/cache").root == tmp_path / "cache"
  FeatureStore("~/cache")


@pytest.mark.parametrize(
  ("code", "text"),
  [
    (errno.ENOSPC, "No space left on device; free some space"),
    (errno.EROFS, "Read-only file system; give another cache_dir="),
    (errno.EACCES, "Permission denied; give another cache_dir="),
  ],
)
@pytest.mark.parametrize("where", ["fsync", "rename", "replace", "open", "mkdir"])
def test_a_store_that_cannot_be_written_says_so_and_can_be_read(
  store, heard, monkeypatch, code, text, where
):
  store.put(KEY, ARRAYS)
  store.put_json(KEY, 1)
  other = content_key(test=2)

  def refuse(*args, **kwargs):
    raise OSError(code, os.strerror(code))

  def put(key):
    store.put(key, ARRAYS)
    store.put_json(key, 2)

  with monkeypatch.context() as patch:
    if where == "open":
      for module in (atomic, store_module):
        patch.setattr(module, "open", refuse, raising=False)
    else:
      patch.setattr(os, where, refuse)
    with pytest.raises(InputError, match=text) as caught:
      put(other)
  assert "\n" not in str(caught.value)
  assert str(store.root) in str(caught.value)
  assert leftovers(store) == []
  assert_same(store.get(KEY))
  assert store.get_json(KEY) == 1
  assert store.get_json(other) is None
  put(other)
  assert_same(store.get(other))
  assert heard == []


def test_a_store_that_cannot_be_made_says_so(tmp_path, monkeypatch):
  def refuse(*args, **kwargs):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

  monkeypatch.setattr(os, "mkdir", refuse)
  with pytest.raises(InputError, match=r"cannot be opened: Permission denied; give"):
    FeatureStore(tmp_path / "cache")


def test_what_killed_processes_left_is_removed_in_time(store):
  store.put(KEY, ARRAYS)
  old, new = (entry(store).parent / f".{KEY}.7-{n * 8}.tmp" for n in ("0a", "0b"))
  for folder in (old, new):
    folder.mkdir()
    (folder / "features.npy").write_bytes(b"x")
  version = store.root / f".VERSION.7-{'0c' * 8}.tmp"
  version.write_bytes(b"x")
  yesterday = time.time() - 2 * 24 * 3600
  for path in (old, version):
    os.utime(path, (yesterday, yesterday))
  FeatureStore(store.root)
  assert leftovers(store) == [new]


def test_threads_write_and_read_one_key(store, heard):
  wrong = []

  def work():
    for _ in range(5):
      store.put(KEY, ARRAYS)
      found = store.get(KEY)
      if found is None or not np.array_equal(found["features"], ARRAYS["features"]):
        wrong.append(found)
      store.put_json(KEY, {"a": 1})
      if store.get_json(KEY) != {"a": 1}:
        wrong.append("json")

  threads = [threading.Thread(target=work) for _ in range(4)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert wrong == []
  assert heard == []
  assert leftovers(store) == []


# Forks children that kill themselves at the n-th call to the file system, for every n
# until one is through, and prints which of them left what.
KILLED = """
import json, os, signal, sys, builtins
import numpy as np
from lead_jax.features import _store as module
from lead_jax.system import _atomic as atomic, content_key
root, key = sys.argv[1:]
arrays = {"features": np.ones((50, 7), np.float32), "logits": np.ones((50, 3))}
first = module.FeatureStore(root)

def child(n):
  calls = 0
  def counted(original):
    def call(*args, **kwargs):
      nonlocal calls
      calls += 1
      if calls > n:
        os.kill(os.getpid(), signal.SIGKILL)
      return original(*args, **kwargs)
    return call
  for name in ("fsync", "rename", "replace", "mkdir"):
    setattr(os, name, counted(getattr(os, name)))
  module.open = atomic.open = counted(builtins.open)
  atomic._flush = counted(atomic._flush)
  module.FeatureStore(root).put(key, arrays)
  first.put_json(key, {"a": 1})
  os._exit(0)

told, found = [], []
for n in range(200):
  pid = os.fork()
  if not pid:
    child(n)
  status = os.waitpid(pid, 0)[1]
  store = module.FeatureStore(root, warn=told.append)
  arrays_found = store.get(key)
  whole = arrays_found is not None and all(
    np.array_equal(arrays_found[name], arrays[name]) for name in arrays
  )
  found.append([arrays_found is not None, whole, store.get_json(key)])
  if status == 0:
    break
print(json.dumps({"told": told, "found": found, "status": status}))
"""


def test_a_kill_at_any_moment_leaves_a_whole_entry_or_none(tmp_path):
  done = subprocess.run(
    [sys.executable, "-c", KILLED, str(tmp_path / "cache"), KEY],
    capture_output=True,
    text=True,
    check=False,
    cwd=pathlib.Path(__file__).resolve().parents[2],
  )
  assert done.returncode == 0, done.stderr
  outcome = json.loads(done.stdout)
  assert outcome["status"] == 0
  assert outcome["told"] == []
  present = [there for there, _, _ in outcome["found"]]
  assert len(present) > 8  # So many moments were tried.
  assert present[0] is False
  assert present[-1] is True
  assert present == sorted(present)
  for there, whole, value in outcome["found"]:
    assert there == whole
    assert value in (None, {"a": 1})
  assert outcome["found"][-1][2] == {"a": 1}
  assert_same(
    FeatureStore(tmp_path / "cache").get(KEY),
    {"features": np.ones((50, 7), np.float32), "logits": np.ones((50, 3))},
  )
