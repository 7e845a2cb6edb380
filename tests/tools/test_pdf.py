"""Read on PDF files: whole as a document, pages as pictures, or a clear error."""

from __future__ import annotations

import asyncio
import binascii
from io import BytesIO
from pathlib import Path

import pytest
from file_tools import FileTools
from PIL import Image

from hames.tools import pdf


def pdf_of(pages: int, *, encrypted: bool = False, size: str = "612 792") -> bytes:
    """A PDF of blank pages, written by hand."""
    kids = " ".join(f"{n + 3} 0 R" for n in range(pages))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>",
        *[f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size}] >>"] * pages,
    ]
    trailer = f"/Size {len(objects) + 1} /Root 1 0 R"
    if encrypted:
        zeros = "00" * 32
        trailer += (
            f" /ID [<{zeros}> <{zeros}>] /Encrypt"
            f" << /Filter /Standard /V 1 /R 2 /O <{zeros}> /U <{zeros}> /P -4 >>"
        )
    out = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n".encode()
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + f"trailer\n<< {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()


async def test_a_small_pdf_is_sent_whole(tmp_path: Path) -> None:
    data = pdf_of(3)
    (tmp_path / "a.pdf").write_bytes(data)
    result = await FileTools(tmp_path).read("a.pdf")
    note, document = result.content
    assert note == {"type": "text", "text": f"`{tmp_path}/a.pdf`, 3 pages, {len(data):,} bytes:"}
    assert isinstance(document, dict)
    assert document["type"] == "document"
    assert document["source"]["media_type"] == "application/pdf"
    assert binascii.a2b_base64(document["source"]["data"]) == data
    assert result.data["type"] == "pdf"
    assert result.data["file"] == {
        "filePath": f"{tmp_path}/a.pdf",
        "base64": document["source"]["data"],
        "originalSize": len(data),
    }


async def test_pages_come_as_pictures(tmp_path: Path) -> None:
    image = Image.new("RGB", (400, 200), "red")
    image.save(
        tmp_path / "a.pdf", save_all=True, append_images=[Image.new("RGB", (200, 400), "blue")]
    )
    result = await FileTools(tmp_path).read("a.pdf", pages="2")
    note, block = result.content
    assert note == {"type": "text", "text": f"`{tmp_path}/a.pdf`, page 2 of 2:"}
    assert isinstance(block, dict)
    shown = Image.open(BytesIO(binascii.a2b_base64(block["source"]["data"])))
    assert shown.size == (784, 1568)
    assert shown.getpixel((400, 700)) == pytest.approx((0, 0, 254), abs=3)
    assert result.data["type"] == "parts"
    assert result.data["file"]["count"] == 1


async def test_a_range_ends_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_of(4))
    result = await FileTools(tmp_path).read("a.pdf", pages=" 3-20 ")
    assert result.content[0] == {"type": "text", "text": f"`{tmp_path}/a.pdf`, pages 3-4 of 4:"}
    assert len(result.content) == 3


async def test_a_page_past_the_end_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_of(2))
    tools = FileTools(tmp_path)
    assert "has 2 pages" in str(await tools.refusal(tools.read("a.pdf", pages="3")))


@pytest.mark.parametrize("pages", ["1,2", "a", "0", "5-2", "1-", "-3", "1-21", "1-5, 7"])
async def test_other_forms_of_pages_are_refused(tmp_path: Path, pages: str) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_of(30))
    tools = FileTools(tmp_path)
    assert (await tools.refusal(tools.read("a.pdf", pages=pages))).invalid


async def test_twenty_pages_are_the_most(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_of(21))
    result = await FileTools(tmp_path).read("a.pdf", pages="2-21")
    assert len(result.content) == 21


async def test_pages_are_ignored_for_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x")
    assert (await FileTools(tmp_path).read("a.txt", pages="1-99")).content == "1\tx"


@pytest.mark.parametrize("size", ["14400 14400", "1 1", "10 14400"])
async def test_odd_page_sizes_are_rendered_within_the_limits(tmp_path: Path, size: str) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_of(1, size=size))
    result = await FileTools(tmp_path).read("a.pdf", pages="1")
    block = result.content[1]
    assert isinstance(block, dict)
    shown = Image.open(BytesIO(binascii.a2b_base64(block["source"]["data"])))
    assert max(shown.size) <= pdf.PAGE_SIDE
    assert len(block["source"]["data"]) < pdf.PAGE_BASE64_CHARS


async def test_many_pages_are_not_sent_whole(tmp_path: Path) -> None:
    (tmp_path / "at.pdf").write_bytes(pdf_of(pdf.MAX_DOCUMENT_PAGES))
    (tmp_path / "over.pdf").write_bytes(pdf_of(pdf.MAX_DOCUMENT_PAGES + 1))
    tools = FileTools(tmp_path)
    await tools.read("at.pdf")
    assert "has 101 pages" in str(await tools.refusal(tools.read("over.pdf")))
    assert (await tools.read("over.pdf", pages="101")).data["type"] == "parts"


async def test_a_large_file_is_not_sent_whole(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_of(1) + b"%" * pdf.MAX_DOCUMENT_BYTES)
    tools = FileTools(tmp_path)
    assert "Read some of it with `pages`" in str(await tools.refusal(tools.read("a.pdf")))


@pytest.mark.parametrize("more", [{}, {"pages": "1"}])
async def test_a_protected_pdf_is_a_clear_error(tmp_path: Path, more: dict[str, str]) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf_of(1, encrypted=True))
    tools = FileTools(tmp_path)
    error = await tools.refusal(tools.read("a.pdf", **more))
    assert "protected by a password" in str(error)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is not a PDF file; it begins with nothing"),
        (b"<html>", "is not a PDF file; it begins with 3c 68 74 6d 6c 3e"),
        (b"%PDF-1.4\ngarbage", "is broken"),
        (pdf_of(0), "is broken"),
    ],
)
async def test_a_broken_pdf_is_a_clear_error(tmp_path: Path, data: bytes, text: str) -> None:
    (tmp_path / "a.pdf").write_bytes(data)
    tools = FileTools(tmp_path)
    assert text in str(await tools.refusal(tools.read("a.pdf")))


async def test_files_are_rendered_side_by_side(tmp_path: Path) -> None:
    """PDFium is not thread-safe; calls of several sessions take turns."""
    (tmp_path / "a.pdf").write_bytes(pdf_of(3))
    tools = [FileTools(tmp_path) for _ in range(8)]
    results = await asyncio.gather(*[one.read("a.pdf", pages="1-3") for one in tools])
    assert [len(result.content) for result in results] == [4] * 8
