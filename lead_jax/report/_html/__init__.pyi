from ._page import (
  as_html as as_html,
)
