from ._converted import (
  read_converted as read_converted,
)
from ._digests import (
  check_digest as check_digest,
)
from ._fetch import (
  PublishedFile as PublishedFile,
  cached_download as cached_download,
  download_file as download_file,
  find_weights as find_weights,
)
from ._layouts import (
  LAYOUTS as LAYOUTS,
  Layout as Layout,
  to_torchvision as to_torchvision,
)
from ._read import (
  read_weights as read_weights,
)
