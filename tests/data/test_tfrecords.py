"""TFRecord files as TensorFlow writes them, whole and damaged."""

import io

import google_crc32c
import numpy as np
import pytest

from lead_jax.data._tfrecords import read_tfrecords

RECORDS = [b"", b"a", bytes(range(256)) * 40, "übung".encode()]


@pytest.fixture(scope="module")
def content(tmp_path_factory):
  tf = pytest.importorskip("tensorflow", reason="tensorflow is not here")
  path = tmp_path_factory.mktemp("records") / "x.tfrecord"
  with tf.io.TFRecordWriter(str(path)) as writer:
    for record in RECORDS:
      writer.write(record)
  return path.read_bytes()


def _read(content):
  file = io.BytesIO(content)
  return list(read_tfrecords(file, len(content), google_crc32c.value))


def test_what_tensorflow_wrote_is_read(content):
  assert _read(content) == RECORDS
  assert _read(b"") == []


def test_every_changed_byte_is_noticed(content):
  rng = np.random.default_rng(0)
  # All of the first two records, and some of the long one.
  places = [*range(16 + 17), *rng.integers(33, len(content), 40)]
  for place in places:
    changed = bytearray(content)
    changed[place] ^= 1 << int(rng.integers(8))
    with pytest.raises(ValueError, match=r"damaged|ends within"):
      _read(bytes(changed))


def test_every_cut_within_a_record_is_noticed(content):
  ends = {0}
  for record in RECORDS:
    ends.add(max(ends) + 16 + len(record))
  for cut in {*range(60), *range(len(content) - 60, len(content))} - ends:
    with pytest.raises(ValueError, match=r"damaged|ends within"):
      _read(content[:cut])


def test_a_length_beyond_the_file_is_not_taken_at_its_word():
  length = (1 << 40).to_bytes(8, "little")
  crc = google_crc32c.value(length)
  masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
  with pytest.raises(ValueError, match="length of a record is damaged"):
    _read(length + masked.to_bytes(4, "little"))
