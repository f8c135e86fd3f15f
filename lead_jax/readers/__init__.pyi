from ._archive import (
  Archive as Archive,
  open_archive as open_archive,
)
from ._csv_text import (
  CsvTable as CsvTable,
  parse_csv as parse_csv,
)
from ._encoding import (
  decode_text as decode_text,
)
from ._json_text import (
  parse_json as parse_json,
)
from ._npy import (
  NpyHeader as NpyHeader,
  map_npy as map_npy,
  read_npy_header as read_npy_header,
)
from ._npz_file import (
  NpzArrays as NpzArrays,
  read_npz as read_npz,
)
from ._text_file import (
  read_bytes as read_bytes,
  read_csv as read_csv,
  read_json as read_json,
  read_text as read_text,
)
