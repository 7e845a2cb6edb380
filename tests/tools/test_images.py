"""Read on pictures: the API takes what it gets, or the model is told why there is nothing."""

from __future__ import annotations

import binascii
import random
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from file_tools import FileTools
from PIL import Image

from hames.tools.images import MAX_BASE64_CHARS, MAX_SIDE


def encoded(image: Image.Image, format: str, **more: Any) -> bytes:
    out = BytesIO()
    image.save(out, format, **more)
    return out.getvalue()


def noise(width: int, height: int) -> Image.Image:
    """A picture that does not compress."""
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))


def decoded(block: dict[str, Any]) -> Image.Image:
    """The picture in an image block, checked to be what it says."""
    assert block["type"] == "image"
    source = block["source"]
    assert source["type"] == "base64"
    assert len(source["data"]) < MAX_BASE64_CHARS
    image = Image.open(BytesIO(binascii.a2b_base64(source["data"])))
    image.load()
    assert source["media_type"] == f"image/{image.format.lower()}"  # type: ignore[union-attr]
    assert max(image.size) <= MAX_SIDE
    return image


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_a_small_picture_is_sent_unchanged(tmp_path: Path, format: str) -> None:
    data = encoded(Image.new("RGB", (8, 8), "red"), format)
    path = tmp_path / f"a.{format.lower()}"
    path.write_bytes(data)
    result = await FileTools(tmp_path).read(path)
    (block,) = result.content
    assert isinstance(block, dict)
    assert binascii.a2b_base64(block["source"]["data"]) == data
    assert decoded(block).size == (8, 8)
    assert result.after == []
    assert result.data["type"] == "image"
    assert result.data["file"] == {
        "base64": block["source"]["data"],
        "type": f"image/{format.lower()}",
        "originalSize": len(data),
        "dimensions": {
            "originalWidth": 8,
            "originalHeight": 8,
            "displayWidth": 8,
            "displayHeight": 8,
        },
    }


async def test_the_media_type_is_that_of_the_content(tmp_path: Path) -> None:
    """The API refuses a picture whose type is not what it says."""
    (tmp_path / "a.png").write_bytes(encoded(Image.new("RGB", (8, 8)), "JPEG"))
    result = await FileTools(tmp_path).read("a.png")
    assert decoded(result.content[0]).format == "JPEG"  # type: ignore[arg-type]


async def test_a_picture_without_suffix_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "screenshot").write_bytes(encoded(Image.new("RGB", (8, 8)), "PNG"))
    result = await FileTools(tmp_path).read("screenshot")
    assert result.data["type"] == "image"


async def test_a_wide_picture_is_scaled_and_the_model_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(Image.new("RGB", (3000, 1500), "red"), "PNG"))
    result = await FileTools(tmp_path).read("a.png")
    assert decoded(result.content[0]).size == (2000, 1000)  # type: ignore[arg-type]
    (note,) = result.after
    assert "3000x1500 pixels and shown as 2000x1000" in note["text"]
    assert "multiply coordinates by 1.50" in note["text"]
    assert result.data["file"]["dimensions"] == {
        "originalWidth": 3000,
        "originalHeight": 1500,
        "displayWidth": 2000,
        "displayHeight": 1000,
    }


async def test_a_picture_at_the_limit_is_not_scaled(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(Image.new("RGB", (MAX_SIDE, 4)), "PNG"))
    result = await FileTools(tmp_path).read("a.png")
    assert result.data["file"]["type"] == "image/png"
    assert result.after == []


@pytest.mark.parametrize("size", [(1400, 1000), (2200, 1400)])
async def test_a_picture_of_many_bytes_is_made_smaller(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    (tmp_path / "a.png").write_bytes(encoded(noise(*size), "PNG", compress_level=0))
    result = await FileTools(tmp_path).read("a.png")
    shown = decoded(result.content[0])  # type: ignore[arg-type]
    assert shown.format == "JPEG"
    assert shown.width / shown.height == pytest.approx(size[0] / size[1], rel=0.01)


@pytest.mark.parametrize(
    ("mode", "format"),
    [("CMYK", "JPEG"), ("I;16", "PNG"), ("I;16", "TIFF"), ("F", "TIFF"), ("RGB", "BMP")],
)
async def test_kinds_the_api_may_not_take_are_converted(
    tmp_path: Path, mode: str, format: str
) -> None:
    path = tmp_path / f"a.{format.lower()}"
    path.write_bytes(encoded(Image.new(mode, (8, 8)), format))
    result = await FileTools(tmp_path).read(path)
    assert decoded(result.content[0]).mode in ("RGB", "L")  # type: ignore[arg-type]


async def test_sixteen_bit_grey_is_stretched_to_eight(tmp_path: Path) -> None:
    image = Image.new("I;16", (64, 64), 1000)
    image.paste(3000, (0, 0, 32, 64))
    (tmp_path / "a.png").write_bytes(encoded(image, "PNG"))
    shown = decoded((await FileTools(tmp_path).read("a.png")).content[0])  # type: ignore[arg-type]
    assert shown.getpixel((8, 8)) == pytest.approx(255, abs=3)
    assert shown.getpixel((56, 8)) == pytest.approx(0, abs=3)


async def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(Image.new("RGBA", (2400, 10), (0, 0, 0, 0)), "PNG"))
    shown = decoded((await FileTools(tmp_path).read("a.png")).content[0])  # type: ignore[arg-type]
    assert shown.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("format", ["GIF", "WEBP"])
async def test_an_animation_is_shown_by_its_first_frame(tmp_path: Path, format: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    path = tmp_path / f"a.{format.lower()}"
    path.write_bytes(encoded(frames[0], format, save_all=True, append_images=frames[1:]))
    result = await FileTools(tmp_path).read(path)
    pixel = decoded(result.content[0]).getpixel((8, 8))  # type: ignore[arg-type]
    assert pixel == pytest.approx((254, 0, 0), abs=3)
    assert "3 frames" in result.after[0]["text"]


async def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.jpg").write_bytes(encoded(Image.new("RGB", (3000, 1000)), "JPEG", exif=exif))
    result = await FileTools(tmp_path).read("a.jpg")
    assert decoded(result.content[0]).size == (667, 2000)  # type: ignore[arg-type]
    assert "1000x3000 pixels" in result.after[0]["text"]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_a_broken_picture_is_an_error(tmp_path: Path, format: str) -> None:
    """Sent to the API it would make every later request fail."""
    data = encoded(noise(64, 64), format)
    path = tmp_path / f"a.{format.lower()}"
    path.write_bytes(data[: len(data) // 2])
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.read(path))
    assert "broken" in str(error) or "not an image" in str(error)
    assert tools.seen.files == {}


async def test_other_content_is_an_error_with_its_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"version https://git-lfs")
    (tmp_path / "empty.png").touch()
    tools = FileTools(tmp_path)
    assert "begins with 76 65 72 73" in str(await tools.refusal(tools.read("a.png")))
    assert "empty file" in str(await tools.refusal(tools.read("empty.png")))


@pytest.mark.parametrize("side", [9_000, 16_000], ids=["over our limit", "over Pillow's"])
async def test_a_picture_of_too_many_pixels_is_not_opened(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.png").write_bytes(encoded(Image.new("1", (side, 8_000)), "PNG"))
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.read("a.png"))
    assert "64,000,000 pixels" in str(error)


async def test_pictures_cannot_be_edited_as_text(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(noise(20, 20), "PNG"))
    tools = FileTools(tmp_path)
    await tools.read("a.png")
    assert (await tools.refusal(tools.write("a.png", "x"))).invalid
