"""Found, downloaded, resumed, checked; from a server on this machine."""

import hashlib
import http.server
import threading
import urllib.request
from dataclasses import dataclass

import numpy as np
import pytest

from lead_jax.backbones._weights._fetch import (
  cached_download,
  download_file,
  find_weights,
)
from lead_jax.checks._errors import InputError

CONTENT = np.random.default_rng(0).bytes(3_000_000)


@dataclass
class File:
  name: str = "model.pth"
  url: str = ""
  sha256: str = ""


class _Handler(http.server.BaseHTTPRequestHandler):
  """One file, by ranges; what goes wrong is set on the server."""

  def log_message(self, *args):
    pass

  def do_GET(self):
    server = self.server
    server.requests.append(dict(self.headers))
    if server.location:
      self.send_response(302)
      self.send_header("Location", server.location)
      self.end_headers()
      return
    start = 0
    matches = self.headers.get("If-Range") == server.tag
    if self.headers.get("Range") and matches:
      start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    if start >= len(server.content):
      self.send_error(416)
      return
    if server.status != 200:
      self.send_error(server.status)
      return
    self.send_response(206 if start else 200)
    self.send_header("Content-Type", server.kind)
    self.send_header("Content-Length", str(len(server.content) - start))
    if server.tag:
      self.send_header("ETag", server.tag)
    if start:
      last = len(server.content)
      self.send_header("Content-Range", f"bytes {start}-{last - 1}/{last}")
    self.end_headers()
    stop = len(server.content) if server.break_after is None else server.break_after
    self.wfile.write(server.content[start : start + stop])


class _Server(http.server.ThreadingHTTPServer):
  def handle_error(self, *args):
    """Clients that go away are what is tested."""


@pytest.fixture
def server():
  server = _Server(("127.0.0.1", 0), _Handler)
  server.requests, server.content, server.tag = [], CONTENT, '"one"'
  server.status, server.kind, server.break_after = 200, "application/zip", None
  server.location = ""
  server.url = f"http://127.0.0.1:{server.server_port}/model.pth"
  thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
  thread.start()
  yield server
  server.shutdown()
  thread.join()
  server.server_close()


@pytest.fixture
def opener():
  return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _find(tmp_path, file, opener, *, download=True, folder=None, progress=None):
  return find_weights(
    [file],
    weights_dir=folder,
    cache_dir=tmp_path / "cache",
    download=download,
    progress=progress,
    opener=opener,
  )


def test_downloaded_once(server, opener, tmp_path):
  digest = hashlib.sha256(CONTENT).hexdigest()
  file, seen = File(url=server.url, sha256=digest[:8]), []
  path = _find(
    tmp_path, file, opener, progress=lambda done, size: seen.append((done, size))
  )
  assert path == cached_download(tmp_path / "cache", file)
  assert path.read_bytes() == CONTENT
  assert [entry.name for entry in path.parent.iterdir()] == ["model.pth"]
  assert seen[-1] == (len(CONTENT), len(CONTENT))
  assert seen == sorted(seen)
  assert _find(tmp_path, file, opener, download=False) == path
  assert len(server.requests) == 1


def test_md5_where_that_is_published(server, opener, tmp_path):
  digest = "md5:" + hashlib.md5(CONTENT).hexdigest()[:8]
  assert _find(tmp_path, File(url=server.url, sha256=digest), opener).exists()


def test_an_interrupted_download_goes_on(server, opener, tmp_path):
  def interrupt(done, size):
    if done > 1_000_000:
      raise KeyboardInterrupt

  file = File(url=server.url)
  with pytest.raises(KeyboardInterrupt):
    _find(tmp_path, file, opener, progress=interrupt)
  path = cached_download(tmp_path / "cache", file)
  assert not path.exists()
  part = path.with_name("model.pth.part").read_bytes()
  assert 1_000_000 < len(part) < len(CONTENT)
  assert _find(tmp_path, file, opener).read_bytes() == CONTENT
  assert server.requests[1]["Range"] == f"bytes={len(part)}-"


@pytest.mark.parametrize("tag", ['"two"', "", 'W/"one"'])
def test_not_with_another_file(server, opener, tmp_path, tag):
  """What the server has changed, or cannot vouch for, is downloaded from the start."""
  path = tmp_path / "model.pth"
  server.break_after, server.tag = 1000, tag if tag.startswith("W") else '"one"'
  with pytest.raises(InputError, match=r"after .* of 3000000 bytes.*run it again"):
    download_file(File(url=server.url), path, opener=opener)
  server.break_after, server.tag, server.content = None, tag, CONTENT[::-1]
  download_file(File(url=server.url), path, opener=opener)
  assert path.read_bytes() == CONTENT[::-1]


def test_a_broken_connection_is_tried_again(server, opener, tmp_path):
  server.break_after = 1_200_000
  path = tmp_path / "model.pth"
  download_file(File(url=server.url), path, opener=opener)
  assert path.read_bytes() == CONTENT
  assert len(server.requests) == 3


def test_a_part_that_is_too_long(server, opener, tmp_path):
  server.break_after = 1000
  path = tmp_path / "model.pth"
  with pytest.raises(InputError):
    download_file(File(url=server.url), path, opener=opener)
  with open(f"{path}.part", "ab") as part:
    part.write(CONTENT)
  server.break_after = None
  download_file(File(url=server.url), path, opener=opener)
  assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
  ("change", "reason"),
  [
    ({"status": 404}, "the server answers 404"),
    ({"kind": "text/html; charset=utf-8"}, "a web page: it wants a person"),
    ({"content": b"other"}, "its SHA256 begins"),
  ],
)
def test_by_hand(server, opener, tmp_path, change, reason):
  for name, value in change.items():
    setattr(server, name, value)
  file = File(url=server.url, sha256="0" * 8)
  with pytest.raises(InputError, match=reason) as error:
    _find(tmp_path, file, opener, folder=tmp_path)
  message = str(error.value)
  assert "\n" not in message
  assert message.endswith(
    f"fetch it by hand from {server.url} and save it as {tmp_path / 'model.pth'}"
  )
  assert not cached_download(tmp_path / "cache", file).exists()


def test_a_file_that_was_not_the_published_one_is_forgotten(server, opener, tmp_path):
  file = File(url=server.url, sha256=hashlib.sha256(CONTENT).hexdigest())
  server.content = b"other"
  with pytest.raises(InputError, match="not the published file"):
    _find(tmp_path, file, opener)
  server.content = CONTENT
  assert _find(tmp_path, file, opener).read_bytes() == CONTENT


def test_downloads_are_off(opener, tmp_path):
  file = File(url="https://example.org/model.pth")
  with pytest.raises(InputError) as error:
    _find(tmp_path, file, opener, download=False)
  place = cached_download(tmp_path / "cache", file)
  assert str(error.value) == (
    "model.pth is neither in a folder of weights nor in the cache (downloads are off): "
    f"fetch it by hand from https://example.org/model.pth and save it as {place}"
  )


def test_https_only(server, tmp_path):
  with pytest.raises(InputError, match="is not an https address"):
    _find(tmp_path, File(url=server.url), None)


def test_no_redirection_to_http(server, tmp_path):
  from lead_jax.backbones._weights._fetch import _HttpsOnly

  server.location = server.url + "2"
  opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _HttpsOnly())
  with pytest.raises(InputError, match="is not an https address"):
    _find(tmp_path, File(url=server.url), opener)


def test_no_server(tmp_path, opener, server):
  url = server.url.replace(str(server.server_port), "9")
  with pytest.raises(InputError, match="cannot be reached"):
    _find(tmp_path, File(url=url), opener)


def test_the_users_folder_comes_first(opener, tmp_path):
  folder = tmp_path / "weights"
  (folder / "model").mkdir(parents=True)
  parts = [File(f"model/ckpt.{end}") for end in ("index", "data-00000-of-00001")]
  options = {"cache_dir": tmp_path, "download": False, "opener": opener}
  for part in parts:
    with pytest.raises(InputError, match=part.name):
      find_weights(parts, weights_dir=folder, **options)
    (folder / part.name).write_bytes(CONTENT[:10])
    cached = cached_download(tmp_path, part)
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(CONTENT)
  assert find_weights(parts, weights_dir=folder, **options) == folder / parts[0].name
  parts[0].sha256 = "12345678"
  with pytest.raises(
    InputError, match=r"not the published file.*published is 12345678"
  ):
    find_weights(parts, weights_dir=folder, **options)


def test_two_processes(server, opener, tmp_path):
  import fcntl

  path = tmp_path / "model.pth"
  with open(f"{path}.part", "ab") as other:
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(InputError, match="another process is downloading it"):
      download_file(File(url=server.url), path, opener=opener)
  download_file(File(url=server.url), path, opener=opener)


def test_no_space(server, opener, tmp_path, monkeypatch):
  from lead_jax.backbones._weights import _fetch as fetch

  usage = fetch.shutil.disk_usage(tmp_path)._replace(free=1000)
  monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: usage)
  with pytest.raises(InputError, match="3 MB are needed"):
    download_file(File(url=server.url), tmp_path / "model.pth", opener=opener)


@pytest.mark.parametrize("own", [False, True])
def test_all_that_is_missing_is_named(opener, tmp_path, own):
  parts = [File(f"ckpt.{end}", f"https://host/{end}") for end in ("index", "a", "b")]
  options = {"cache_dir": tmp_path, "download": False, "opener": opener}
  folder = tmp_path / "weights" if own else None
  home = folder if own else cached_download(tmp_path, parts[0]).parent
  home.mkdir(parents=True, exist_ok=True)
  (home / "ckpt.a").write_bytes(b"x")
  with pytest.raises(InputError) as error:
    find_weights(parts, weights_dir=tmp_path / "weights", **options)
  assert str(error.value) == (
    "ckpt.index and ckpt.b are neither in a folder of weights nor in the cache "
    "(downloads are off): fetch them by hand from https://host/index and save it as "
    f"{home / 'ckpt.index'}, and from https://host/b and save it as {home / 'ckpt.b'}"
  )


def test_another_process_ends_before_its_lock_is_had(
  server, opener, tmp_path, monkeypatch
):
  """Then what was opened is the finished file, which nobody may write to."""
  from lead_jax.backbones._weights import _fetch as fetch

  path = tmp_path / "model.pth"
  locks, lock = [], fetch.lock_file

  def lock_file(file, *, wait):
    if not locks:
      fetch.os.replace(f"{path}.part", path)
      path.write_bytes(CONTENT)
    locks.append(file.fileno())
    lock(file, wait=wait)

  monkeypatch.setattr(fetch, "lock_file", lock_file)
  server.status = 404
  with pytest.raises(InputError, match="answers 404"):
    download_file(File(url=server.url), path, opener=opener)
  assert path.read_bytes() == CONTENT
  server.status = 200
  locks.clear()
  download_file(File(url=server.url), path, opener=opener)
  assert path.read_bytes() == CONTENT
  assert len(locks) == 2


@pytest.mark.parametrize("published", [True, False])
def test_a_damaged_download_is_fetched_again(server, tmp_path, opener, published):
  digest = hashlib.sha256(CONTENT).hexdigest() if published else ""
  file = File(url=server.url, sha256=digest)
  path = _find(tmp_path, file, opener)
  assert _find(tmp_path, file, opener) == path
  assert len(server.requests) == 1
  path.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
  with pytest.raises(InputError, match=r"is damaged.*\(downloads are off\)"):
    _find(tmp_path, file, opener, download=False)
  assert _find(tmp_path, file, opener) == path
  assert path.read_bytes() == CONTENT
  assert len(server.requests) == 2
