"""Tables of text, as people and their spreadsheets write them."""

import pytest

from lead_jax.checks import InputError
from lead_jax.readers import parse_csv, read_csv


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("", "has no column 'model'"),
    ("modell,accuracy\n", "has no column 'model'"),
    ("model,accuracy,model\n", "has two columns 'model'"),
    ("model,accuracy\na,1,2\n", "line 2 has 3 cells, there are 2 columns"),
    ('model,accuracy\n"a,1\n', "line 2 is not CSV"),
    ("model,accuracy\n" + "a" * 200_000 + ",1\n", "line 2 is not CSV"),
  ],
)
def test_refuses(text, message):
  with pytest.raises(InputError, match=f"^t {message}") as raised:
    parse_csv(text, "t", columns=("model", "accuracy"))
  assert len(str(raised.value)) < 200


def test_reads_bytes_of_a_spreadsheet(tmp_path):
  path = tmp_path / "t.csv"
  path.write_bytes('\ufeffmodel,note\r\nü,"a, b"\r\n\r\nb\r\n'.encode())
  table = read_csv(path, columns=("model",))
  assert table.columns == ("model", "note")
  assert table.rows == [{"model": "ü", "note": "a, b"}, {"model": "b", "note": ""}]
  assert table.lines == [2, 4]
  path.write_bytes("model\na".encode("utf-16"))
  with pytest.raises(InputError, match="UTF-16: save it in UTF-8"):
    read_csv(path)
