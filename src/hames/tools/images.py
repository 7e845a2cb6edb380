"""Pictures as the model takes them: of a known format, not too large, not broken.

A picture that the API refuses would make every later request of the session fail, so each is decoded
once before it is shown. Small ones pass unchanged; others are scaled and encoded as JPEG.
"""

from __future__ import annotations

import binascii
from io import BytesIO
from typing import TYPE_CHECKING, Any

import msgspec

from hames.errors import ToolError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SIDE = 2000
"""Longest side in pixels."""

MAX_BASE64_CHARS = 700_000
"""Longest base64 text of one picture."""

MAX_PIXELS = 64_000_000
"""Pictures with more are not decoded: a small file can hold a huge one."""

_QUALITIES = (85, 70, 55)
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
_ACCEPTED = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "WEBP": "image/webp",
}
"""Formats the Messages API takes."""

_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
_ORIENTATION = 0x0112  # the EXIF tag
_SIDEWAYS = 5  # from this value on, width and height change places


class Picture(msgspec.Struct, frozen=True):
    """A picture ready to be shown."""

    base64: str
    media_type: str
    original: tuple[int, int]
    """Width and height in the file."""
    shown: tuple[int, int]
    frames: int = 1
    """Frames of an animation; the first is shown."""

    def block(self) -> dict[str, Any]:
        """The content block."""
        source = {"type": "base64", "media_type": self.media_type, "data": self.base64}
        return {"type": "image", "source": source}

    def note(self, name: str) -> str | None:
        """What the model must know of it, if anything: that it was scaled, or has more frames."""
        notes = []
        if self.shown != self.original:
            factor = self.original[0] / self.shown[0]
            notes.append(
                f"is {self.original[0]}x{self.original[1]} pixels and shown as "
                f"{self.shown[0]}x{self.shown[1]}; multiply coordinates by {factor:.2f} to get those "
                "of the original"
            )
        if self.frames > 1:
            notes.append(f"has {self.frames} frames, of which the first is shown")
        return f"[The image `{name}` {'; it '.join(notes)}.]" if notes else None


def prepare(data: bytes, name: str) -> Picture:
    """The picture in these bytes of a file. Raises ToolError when there is none that can be shown.

    Takes CPU time; run it in a thread.
    """
    if not data:
        raise ToolError(f"`{name}` is an empty file, not an image.")
    from PIL import Image as Images
    from PIL import UnidentifiedImageError

    try:
        with Images.open(BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(name)
            return _shown(image, data)
    except (Images.DecompressionBombError, Images.DecompressionBombWarning) as error:
        raise _too_large(name) from error
    except UnidentifiedImageError as error:
        raise ToolError(
            f"`{name}` is not an image in a known format; it begins with {data[:12].hex(' ')}."
        ) from error
    # Decoders of broken data raise nearly anything: OSError, SyntaxError, struct.error, EOFError.
    except Exception as error:
        if isinstance(error, ToolError):
            raise
        raise ToolError(f"The image `{name}` is broken and cannot be shown: {error}.") from error


def encode(image: Image, *, max_side: int = MAX_SIDE, max_chars: int = MAX_BASE64_CHARS) -> Picture:
    """The image as a JPEG within the limits, scaled as little as needed."""
    original = image.size
    flat = _flattened(image)
    side = float(min(max_side, max(original)))
    while True:
        scaled = flat
        if max(original) > side:
            factor = side / max(original)
            size = (max(1, round(original[0] * factor)), max(1, round(original[1] * factor)))
            scaled = flat.resize(size, reducing_gap=2.0)
        for quality in _QUALITIES:
            out = BytesIO()
            scaled.save(out, "JPEG", quality=quality)
            if out.tell() * 4 / 3 < max_chars - 4:
                return Picture(_base64(out.getvalue()), "image/jpeg", original, scaled.size)
        side *= 0.75


def _shown(image: Image, data: bytes) -> Picture:
    frames = getattr(image, "n_frames", 1)
    media_type = _ACCEPTED.get(image.format or "")
    mode = image.mode
    fits = max(image.size) <= MAX_SIDE and len(data) * 4 / 3 < MAX_BASE64_CHARS - 4
    if not (fits and media_type and frames == 1 and mode in _PLAIN_MODES):
        from PIL import ImageOps

        width, height = image.size
        if image.getexif().get(_ORIENTATION, 1) >= _SIDEWAYS:
            width, height = height, width
        # A JPEG much larger than what is shown is decoded at a fraction of its size.
        image.draft("RGB", (MAX_SIDE, MAX_SIDE))
        picture = encode(ImageOps.exif_transpose(image))
        return msgspec.structs.replace(picture, original=(width, height), frames=frames)
    image.load()
    return Picture(_base64(data), media_type, image.size, image.size)


def _flattened(image: Image) -> Image:
    """The image in RGB or grey, what is transparent on white."""
    if image.mode in ("L", "RGB"):
        image.load()
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bit(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        from PIL import Image as Images

        colours = image.convert("RGBA")
        flat = Images.new("RGB", image.size, "white")
        flat.paste(colours, mask=colours.getchannel("A"))
        return flat
    return image.convert("RGB")


def _eight_bit(image: Image) -> Image:
    """Grey values of 16 or 32 bits, stretched to the range of 8."""
    low, high = image.convert("F").getextrema()
    assert isinstance(low, float)
    assert isinstance(high, float)
    scale = 255 / (high - low) if high > low else 0
    return image.convert("F").point(lambda value: value * scale - low * scale).convert("L")


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _too_large(name: str) -> ToolError:
    return ToolError(
        f"The image `{name}` has more than {MAX_PIXELS:,} pixels and is not opened. Make a smaller "
        "copy with a shell command and read that."
    )
