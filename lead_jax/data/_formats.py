"""Which image files are read, and how one is recognised: by its content.

A file is what its first bytes say, whatever it is called. The few formats without a mark
of their own (TGA, PCD) are tried where the name says so, too. Left out are
formats that Pillow only recognises (HDF5, GRIB, BUFR, MPEG), hands to another program
(EPS, WMF), is giving up (IM), or that hold no picture of bytes (IPTC, SPIDER).
"""

import os

from PIL import Image, features

# In the order in which they are tried.
_MARKED_TEXT = """
  JPEG PNG BMP DIB GIF WEBP TIFF PPM AVIF JPEG2000 PSD QOI ICO CUR ICNS PCX DCX SGI SUN
  DDS FTEX BLP FLI MSP PIXAR FITS XBM XPM
"""
_MARKED = tuple(_MARKED_TEXT.split())
# By format, the ends of the names of its files.
_UNMARKED = {"TGA": (".tga", ".icb", ".vda", ".vst"), "PCD": (".pcd",)}
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"
HEIF = "HEIF"

# What people call files of these formats; a file of another name is looked into.
_IMAGE_TEXT = """
  .jpg .jpeg .jpe .jfif .jif .mpo .png .apng .bmp .dib .gif .webp .tif .tiff .ppm .pgm
  .pbm .pnm .pfm .avif .avifs .heic .heif .hif .jp2 .j2k .jpc .jpf .jpx .j2c .psd .qoi
  .ico .cur .icns .pcx .dcx .sgi .bw .rgb .rgba .ras .dds .ftc .ftu .blp .fli .flc .msp
  .pxr .fit .fits .xbm .xpm
"""
IMAGE_EXTENSIONS = frozenset(_IMAGE_TEXT.split()).union(*_UNMARKED.values())

# Most of these are TIFF files whose first picture is a thumbnail.
_RAW_TEXT = """
  .3fr .arw .cr2 .cr3 .dng .erf .iiq .kdc .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2
  .rwl .sr2 .srf .srw .x3f
"""
RAW_EXTENSIONS = frozenset(_RAW_TEXT.split())

# Bytes from the start, and from the end, of a file that `formats_of` looks at.
HEAD_BYTES = 64
TAIL_BYTES = len(_TGA_FOOTER)

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_CONTAINER_BRANDS = {b"mif1", b"msf1"}


def extension(name: str | os.PathLike) -> str:
  """Returns the end of a file's name in small letters, with its dot; "" for none."""
  return os.path.splitext(os.fspath(name))[1].lower()


def formats_of(head: bytes, tail: bytes = b"", end: str = "") -> tuple[str, ...]:
  """Returns the formats that a file may have; none where it is no image.

  Args:
    head: Its first `HEAD_BYTES` bytes.
    tail: Its last `TAIL_BYTES` bytes.
    end: The end of its name, of `extension`.
  """
  if head[4:8] == b"ftyp":
    return _of_container(head)
  Image.init()
  start = head[:16].ljust(16, b"\0")
  found = [
    name
    for name in _MARKED
    if name in Image.OPEN
    and (accept := Image.OPEN[name][1]) is not None
    and accept(start)
  ]
  found += [name for name, ends in _UNMARKED.items() if end in ends]
  if tail == _TGA_FOOTER and "TGA" not in found:
    found.append("TGA")
  return tuple(found)


def missing_support(formats: tuple[str, ...]) -> str:
  """Returns what this installation lacks for a format, and what to do; "" for nothing."""
  for name, feature in (("AVIF", "avif"), ("WEBP", "webp"), ("JPEG2000", "jpg_2000")):
    if name in formats and not features.check(feature):
      return (
        f"{name}, which the installed Pillow cannot read: pip install 'pillow>=11.3'"
      )
  return ""


def _of_container(head: bytes) -> tuple[str, ...]:
  """AVIF or HEIF of the ISO media files, by their brands; videos are none."""
  size = int.from_bytes(head[:4], "big")
  brands = {head[i : i + 4] for i in (8, *range(16, min(size, len(head)), 4))}
  if brands & {b"avif", b"avis"}:
    return ("AVIF",)
  if brands & (_HEIF_BRANDS | _CONTAINER_BRANDS):
    return (HEIF,)
  return ()
