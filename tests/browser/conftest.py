"""A real browser, once for all tests, and one page in it.

Needs `pip install playwright` and a chromium on the PATH. Without them the tests are
skipped, and fail where the environment says LEAD_JAX_BROWSER=required. Screenshots go to
the folder that LEAD_JAX_SCREENSHOTS names.
"""

import os
import pathlib
import shutil

import pytest

from lead_jax.report import as_html
from tests.report.reports import full_report

_ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]
SIZES = {390: 844, 1280: 900}


def _miss(what):
  if os.environ.get("LEAD_JAX_BROWSER") == "required":
    pytest.fail(f"LEAD_JAX_BROWSER=required, but {what}")
  pytest.skip(what)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
  """A browser with a profile of its own; its context.

  Not of the session: while it runs, playwright's event loop is the running one of this
  thread, and later tests could start none.
  """
  try:
    from playwright.sync_api import sync_playwright
  except ImportError:
    _miss("playwright is not installed (pip install playwright)")
  names = ("chromium", "chromium-browser", "google-chrome")
  executable = next(filter(None, map(shutil.which, names)), None)
  if executable is None:
    _miss("there is no chromium on the PATH (apt-get install chromium)")
  with sync_playwright() as playwright:
    context = playwright.chromium.launch_persistent_context(
      tmp_path_factory.mktemp("profile"),
      executable_path=executable,
      headless=True,
      args=_ARGUMENTS,
    )
    yield context
    context.close()


@pytest.fixture(scope="session")
def axe():
  """The checker of accessibility."""
  try:
    from axe_playwright_python.sync_playwright import Axe
  except ImportError:
    _miss("axe is not installed (pip install axe-playwright-python)")
  return Axe()


@pytest.fixture(scope="session")
def report():
  """Everything that a report may hold, names of evil intent included."""
  return full_report()


@pytest.fixture(scope="session")
def path(report, tmp_path_factory):
  """Where the page of the report lies."""
  path = tmp_path_factory.mktemp("report") / "report.html"
  path.write_text(as_html(report), encoding="utf-8")
  return path


@pytest.fixture(
  scope="module",
  params=[(w, scheme) for w in SIZES for scheme in ("light", "dark")],
  ids=lambda one: f"{one[0]}-{one[1]}",
)
def page(request, browser, path):
  """The page, opened anew; what the browser complained of is in `page.trouble`."""
  width, scheme = request.param
  page = browser.new_page()
  page.trouble = []
  page.on("console", lambda message: page.trouble.append(f"console: {message.text}"))
  page.on("pageerror", lambda error: page.trouble.append(f"error: {error}"))
  page.on(
    "request",
    lambda asked: (
      asked.url == path.as_uri() or page.trouble.append(f"asked: {asked.url}")
    ),
  )
  page.set_viewport_size({"width": width, "height": SIZES[width]})
  page.emulate_media(color_scheme=scheme)
  page.goto(path.as_uri())
  page.scheme = scheme
  if folder := os.environ.get("LEAD_JAX_SCREENSHOTS"):
    name = pathlib.Path(folder).expanduser() / f"report-{width}-{scheme}.png"
    page.screenshot(path=name, full_page=True)
  yield page
  page.close()
