"""What kind of file it is, by its name and its first bytes."""

from __future__ import annotations

from typing import Literal

Kind = Literal["text", "image", "pdf", "notebook", "binary"]

MAX_BYTES: dict[Kind, int] = {
    "text": 256 * 1024,
    "image": 64 * 1024 * 1024,
    "pdf": 256 * 1024 * 1024,
    "notebook": 256 * 1024 * 1024,
}
"""Largest file that is read, by kind."""

MAX_RANGE_BYTES = 256 * 1024 * 1024
"""Largest text file of which a range of lines is read."""

_IMAGE = "png jpg jpeg gif webp bmp tif tiff"
_BINARY = (
    "7z a avi bin bz2 class dat db deb dll dmg doc docx dylib eot exe flac gz iso jar lib mkv mov mp3 "
    "mp4 mpeg mpg o obj odt ogg otf ppt pptx pyc pyd rar rpm so sqlite sqlite3 tar tgz ttf war wasm "
    "wav webm wmv woff woff2 xls xlsx xz zip zst"
)
_BY_SUFFIX: dict[str, Kind] = {
    **{f".{suffix}": "image" for suffix in _IMAGE.split()},
    **{f".{suffix}": "binary" for suffix in _BINARY.split()},
    ".pdf": "pdf",
    ".ipynb": "notebook",
}
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")


def by_suffix(suffix: str) -> Kind:
    """The kind that a suffix in lower case stands for; `text` if none is known."""
    return _BY_SUFFIX.get(suffix, "text")


def by_content(data: bytes) -> Kind:
    """The kind of a file whose name does not tell, by how it begins."""
    if data.startswith(_PICTURES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return "image"
    return "pdf" if data.startswith(b"%PDF-") else "text"
