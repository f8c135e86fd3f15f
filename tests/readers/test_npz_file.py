"""Archives of arrays: each way to be broken is one line, and costs no memory."""

import contextlib
import io
import pickle
import struct
import tracemalloc
import warnings
import zipfile

import ml_dtypes
import numpy as np
import pytest

from lead_jax.checks import InputError
from lead_jax.readers import map_npy, read_npz


def npy(array):
  buffer = io.BytesIO()
  np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=True)
  return buffer.getvalue()


def header(text, values=b"", version=1):
  body = text.encode() + b" " * (-(len(text) + 11) % 64) + b"\n"
  form = "<H" if version == 1 else "<I"
  return (
    b"\x93NUMPY" + bytes((version, 0)) + struct.pack(form, len(body)) + body + values
  )


def described(descr, shape, values=b""):
  return header(
    f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}", values
  )


def archive(*members, compression=zipfile.ZIP_DEFLATED):
  buffer = io.BytesIO()
  with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as file:
    warnings.simplefilter("ignore")  # of names that stand twice
    for name, content in members:
      file.writestr(name, content)
  return buffer.getvalue()


def flipped(content, place, mask=0xFF):
  changed = bytearray(content)
  changed[place] ^= mask
  return bytes(changed)


def with_flag(content, bit):
  """Sets a flag bit of the first member, in both of its headers."""
  central = content.index(b"PK\x01\x02")
  return flipped(flipped(content, 6, bit), central + 8, bit)


def one(content):
  return archive(("a.npy", content))


SOUND = npy(np.arange(12.0).reshape(3, 4))
RECORDS = np.zeros(2, [("x", "f4"), ("y", "i4")])


@pytest.mark.parametrize(
  ("content", "message"),
  [
    (b"", "is not an npz file"),
    (SOUND, "is a single array, not an npz file: use np.savez"),
    (pickle.dumps({}), "is not an npz file"),
    (b"PK\x03\x04", "cannot be read as an npz file"),
    (one(SOUND)[:-30], "cannot be read as an npz file"),
    (one(b"hello"), "'a' is not an array of NumPy"),
    (one(SOUND[:40]), "cut short|damaged"),
    (one(flipped(SOUND, 6)), "version 254"),
    (one(flipped(SOUND, 20)), "damaged"),
    (one(header("{'descr': '<f8'}")), "header cannot be read"),
    (one(header("(" * 9000)), "header cannot be read"),
    (one(header("1" * 11_000)), "impossible length"),
    (one(described("'<f8'", "(10**22, 8)")), "header cannot be read"),
    (one(described("'<f8'", f"({10**22}, 8)")), "impossible shape"),
    (one(described("'<f8'", f"(0, {10**22})")), "impossible shape"),
    (one(described("'<f8'", "(-1,)")), r"its shape is \(-1,\)"),
    (one(described("'<f8'", "(True,)")), "its shape is"),
    (one(described("'<f8'", "(1000000, 8)")), "asks for 6.4e\\+07 bytes"),
    (one(described("'<f8'", "(1,) * 3")), "header cannot be read"),
    (one(described("'<f8'", str((1,) * 40))), "its shape is"),
    (one(described("'<q9'", "(1,)")), "its type is <q9"),
    (one(described("3", "(1,)")), "its type is 3"),
    (one(described("'<U0'", "(9,)")), "values of the type"),
    (one(npy(np.array([{}, 1], object))), "Python objects, which are never loaded"),
    (one(npy(RECORDS)), "records with fields"),
    (
      one(npy(np.zeros(3, ml_dtypes.bfloat16))),
      r"type \|V2, as which NumPy saves bfloat",
    ),
    (one(npy(np.zeros(3, "V7"))), r"unknown type \|V7"),
    (one(described("'<U1'", "(1,)", b"\x00\xd8\x00\x00")), "no Unicode"),
    (one(described("'<U1'", "(1,)", b"\xff\xff\xff\x7f")), "no Unicode"),
    (one(described("'|b1'", "(1,)", b"\x07")), "neither 0 nor 1"),
    (archive(("a.npy", SOUND), ("a.npy", SOUND)), "two members 'a.npy'"),
    (archive(("a.npy", SOUND), ("a", SOUND)), "two arrays 'a'"),
    (with_flag(one(SOUND), 1), "is encrypted"),
    (flipped(archive(("a.npy", SOUND), compression=0), 60), "Bad CRC|damaged"),
    (
      flipped(archive(("a.npy", SOUND * 9), compression=zipfile.ZIP_LZMA), 60),
      "npz file",
    ),
    (
      flipped(archive(("a.npy", SOUND * 9), compression=zipfile.ZIP_BZIP2), 60),
      "npz file",
    ),
    (flipped(one(SOUND * 9), 60), "npz file|damaged"),
  ],
)
def test_refuses(content, message):
  with pytest.raises(InputError, match=message) as raised:
    read_npz(content, "a.npz")
  assert "a.npz" in str(raised.value)
  assert len(str(raised.value).splitlines()) == 1
  assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
  "array",
  [
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(6, dtype=">i2").reshape(2, 3),
    np.float32(3),
    np.zeros((0, 4)),
    np.array(["ab", "ü😀"]),
    np.array(["ab", "ü😀"], ">U2"),
    np.array([b"ab"]),
    np.array([True, False]),
    np.array([1 + 2j]),
    np.array(["2020-01-01"], "M8[D]"),
    np.float16([1, np.inf]),
  ],
  ids=lambda array: f"{array.dtype.str}{array.shape}",
)
def test_reads_what_numpy_saves(array, tmp_path):
  buffer = io.BytesIO()
  np.savez_compressed(buffer, a=array, other=1)
  read = read_npz(buffer.getvalue(), "a.npz", wanted=("a", "b"))
  assert read.names == ("a", "other")
  assert list(read.arrays) == ["a"]
  np.save(tmp_path / "a.npy", array)
  for found in (read.arrays["a"], map_npy(tmp_path / "a.npy")):
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)


def claiming(content, size):
  """Sets the unpacked size of the first member, in both of its headers."""
  claims = bytearray(content)
  for place in (22, content.index(b"PK\x01\x02") + 24):
    claims[place : place + 4] = struct.pack("<I", size)
  return bytes(claims)


def test_an_archive_that_unpacks_to_a_gigabyte_is_refused_before_it_does():
  zeros = described("'|u1'", "(1000000000,)", bytes(1 << 20))
  content = claiming(one(zeros), 1_000_000_128)
  tracemalloc.start()
  with pytest.raises(InputError, match=r"would unpack to 1000 MB, at most 2\d\d MB"):
    read_npz(content, "a.npz")
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert peak < 10 << 20


@pytest.mark.parametrize("size", [1 << 27, 1 << 10])
def test_a_claim_that_is_not_kept_is_found(size):
  zeros = described("'|u1'", f"({size - 128},)", bytes(1 << 20))
  with pytest.raises(InputError, match=r"cut short|damaged|npz file"):
    read_npz(claiming(one(zeros), size), "a.npz")


def test_what_is_stored_is_no_larger_than_the_file():
  content = claiming(archive(("a.npy", SOUND), compression=0), 1 << 30)
  with pytest.raises(InputError, match="claim 1073741824 bytes"):
    read_npz(content, "a.npz")


def test_members_that_are_not_asked_for_do_not_matter():
  content = archive(("a.npy", SOUND), ("../../b.npy", b"rubbish"), ("c.txt", b"text"))
  read = read_npz(content, "a.npz", wanted=("a",))
  assert read.names == ("a", "../../b", "c.txt")
  assert read.arrays["a"].shape == (3, 4)


@pytest.mark.parametrize("place", range(0, 128, 3))
def test_no_bit_of_a_header_brings_another_error(place, tmp_path):
  """A store maps such files: each flip is the array's own or one line."""
  path = tmp_path / "a.npy"
  for bit in range(8):
    path.write_bytes(flipped(SOUND, place, 1 << bit))
    with contextlib.suppress(InputError):
      assert map_npy(path).nbytes == 96


def test_files(tmp_path):
  with pytest.raises(InputError, match="there is no such file"):
    read_npz(tmp_path / "no.npz", "npz:no")
  with pytest.raises(InputError, match="cannot be read as an npz file: Is a directory"):
    read_npz(tmp_path, "npz:folder")
