"""What `docs/_ext` does to texts, and what the tests of the pages would notice."""

import re

import pytest
from absl import flags

from lead_jax.checks._errors import InputError
from tests.docs import commands
from tests.docs.outputs import differences
from tests.docs.pages import PAGES, Block, blocks_of, extension, text_of

pytest.importorskip("sphinx")


def test_equations_of_docstrings_stay_as_they_are():
  lines = ["Norm |x|, `a|b`.", "", "  |x|^2 + y*", "", "  z", "", "Args:", "  x: |x|."]
  expected = [r"Norm \|x\|, `a|b`.", "", "::", "", "  |x|^2 + y*", "", "  z", ""]
  found = extension("docstrings").translated(lines)
  assert found == [*expected, "Args:", r"  x: \|x\|."]


@pytest.mark.parametrize("fence", ["```", "```python"])
def test_examples_of_docstrings_stay_as_they_are(fence):
  lines = ["Folders:", "", fence, "a/*.jpg", "```", "End."]
  found = extension("docstrings").translated(lines)
  assert found == ["Folders:", "", "::", "", "  a/*.jpg", "", "End."]


def test_items_of_lists_are_no_equations():
  lines = ["1. One", "   more", "", "   still one", "2. two"]
  assert extension("docstrings").translated(lines) == lines


def test_links_that_leave_the_pages():
  links = extension("links")
  text = "[a](../README.md#axes) [b](low.md) [c](../lead_jax/x.py) [d](https://e.org)"
  mended = (
    "[a](readme.md#axes) [b](low.md) [c](path:../lead_jax/x.py) [d](https://e.org)"
  )
  assert links.of_page(text) == mended
  assert (
    links.of_readme("[a](docs/b.md#c) [d](LICENSE)")
    == "[a](b.md#c) [d](path:../LICENSE)"
  )


def test_every_equation_has_a_mathml_form():
  mathml = extension("mathml").mathml
  count = 0
  for page in PAGES:
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text_of(page), flags=re.DOTALL | re.M)
    for block, inline in re.findall(
      r"\$\$(.+?)\$\$|\$([^$]+?)\$", text, flags=re.DOTALL
    ):
      assert "<math" in mathml(block or inline, as_block=bool(block))
      count += 1
  assert count > 100


def test_an_index_stands_beside_an_accented_letter():
  text = re.sub(r"\s", "", extension("mathml").mathml(r"\bar\lambda_c", as_block=False))
  assert re.search(r"<msub><mover.*<mi>λ</mi>.*</mover><mi>c</mi></msub>", text)


def test_a_function_does_not_touch_what_it_is_applied_to():
  mathml = extension("mathml").mathml
  assert "mspace" in mathml(r"\log x", as_block=False)
  assert "mspace" not in mathml(r"\log(x)", as_block=False)


@pytest.mark.parametrize(
  ("shown", "printed"),
  [
    ("a 1.23", "a 1.24"),
    ("a  … z", "a whatever 3 z"),
    ("-0.5 ±0.1 (2)", "-0.45 ±0.2 (2)"),
  ],
)
def test_outputs_that_agree(shown, printed):
  assert not differences(shown, printed)


@pytest.mark.parametrize(
  ("shown", "printed"),
  [
    ("a 1.23", "a 1.26"),
    ("a 12", "a 13"),
    ("one\ntwo", "one"),
    ("name", "other"),
    ("1.0", "x"),
    ("a …", "b c"),
  ],
)
def test_outputs_that_do_not(shown, printed):
  assert differences(shown, printed)


@pytest.mark.parametrize(
  "code",
  [
    "lead-rank photos/ --zoos=a",
    "lead-rank photos/ --metrics=lead,knnn",
    "lead-rank photos/ --metrics=knn --option=knn.j=3",
    "lead-rank photos/ --models=resnet51",
    "lead-rank a b",
    "lead-evaluate --data_sets=a",
    "lead-evaluate a",
    "lead-finetune photos/ --modells=a",
    "lead-finetune a b",
    "python -m experiments.pretrain_digits --overwrites",
    "python -m experiments.nothing",
    "python script.py",
    "make everything",
    "rm -rf photos",
  ],
)
def test_commands_that_would_fail_are_found(code):
  (words,) = commands.commands_of(Block("page", 1, "bash", "long", code))
  with pytest.raises((AssertionError, flags.Error, InputError, ImportError)):
    commands.check(words)


def test_blocks_know_their_line_and_their_output():
  text = "# A\n\n```python\n1\n```\n\n```text\nout\n```\n\nprose\n\n```text\nx\n```\n"
  code, output, other = blocks_of("page", text)
  assert (code.place, code.code, code.output) == ("page.md:4", "1\n", "out\n")
  assert (output.output, other.output) == (None, None)


def test_arrays_in_signatures_are_short():
  readable = extension("docstrings").readable
  kinds = ("~jaxlib._jax.Array", "~numpy.ndarray")
  either = " | ".join(f"~jaxtyping.Float[{kind}, 'n d']" for kind in kinds)
  assert (
    readable(f"(x: {either}, y: int)") == "(x: ~jaxtyping.Float[Array, 'n d'], y: int)"
  )
