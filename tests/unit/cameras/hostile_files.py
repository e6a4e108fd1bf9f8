"""Files that nobody would wish on a camera PC: broken, huge, strange and wicked, drawn by a seed."""

import json
import os
import re
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inspect_pipeline.cameras.folder_listing import shown
from inspect_pipeline.domain.material import UnusableCapture
from inspect_pipeline.domain.records import Capture
from tests.unit.imaging.image_files import PNG_MAGIC, encoded, png_chunk, png_declaring, textured, tiff

SUFFIXES = (".png", ".jpg", ".bmp", ".tif")
Draw = np.random.Generator


@dataclass(frozen=True)
class Planter:
    """Puts one hostile entry into a folder; ``name`` has no suffix, the name that was used is returned."""

    kind: str
    plant: Callable[[Path, str, Draw], str]
    may_be_a_frame: bool = False


def plant_all(folder: Path, *, count: int, seed: int, bomb_side_px: int = 100) -> dict[str, Planter]:
    """Put ``count`` hostile entries into the folder, every kind in turn; return name to planter.

    Among them are, for each kind of pixels, one PNG of that many pixels a side that is whole and packed very small.
    """
    draw = np.random.default_rng(seed)
    planted: dict[str, Planter] = {}
    for samples, bits in ((1, 8), (1, 16), (3, 8), (3, 16), (4, 16)):
        name = _write(folder, f"bomb {samples} {bits}.png", _whole_bomb(bomb_side_px, samples, bits))
        planted[name] = Planter("whole zip bomb", _bomb, may_be_a_frame=True)
    for number in range(count - len(planted)):
        planter = PLANTERS[number % len(PLANTERS)]
        planted[planter.plant(folder, f"{number:05d}", draw)] = planter
    return planted


def entries(folder: Path) -> Counter[str]:
    """Return the entries of the folder as a ledger names them, without hidden ones."""
    return Counter(shown(path.name) for path in folder.iterdir() if not path.name.startswith("."))


def kind_of(capture: UnusableCapture) -> str:
    """Return the reason without the numbers and names in it, so that equal reasons can be counted."""
    parts = capture.reason.split(": ", 1)
    return re.sub(r"\d+", "N", parts[-1])[:60]


def frames_that_are_none(found: Iterable[Capture], planted: dict[str, Planter]) -> list[str]:
    """Return the sources that were taken as frames although they cannot be one."""
    bad = {shown(name) for name, planter in planted.items() if not planter.may_be_a_frame}
    return [one.source for one in found if not isinstance(one, UnusableCapture) and one.source in bad]


def _write(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return name


def _image(draw: Draw) -> tuple[str, bytes]:
    suffix = SUFFIXES[int(draw.integers(len(SUFFIXES)))]
    return suffix, encoded(
        textured(int(draw.integers(8, 60)), int(draw.integers(8, 60)), seed=int(draw.integers(99))), suffix
    )


def _truncated(folder: Path, name: str, draw: Draw) -> str:
    suffix, content = _image(draw)
    return _write(folder, name + suffix, content[: int(draw.integers(1, len(content) - 1))])


def _no_magic(folder: Path, name: str, draw: Draw) -> str:
    suffix, content = _image(draw)
    return _write(folder, name + suffix, draw.bytes(4).replace(b"B", b"x") + content[4:])


def _altered(folder: Path, name: str, draw: Draw) -> str:
    suffix, content = _image(draw)
    changed = bytearray(content)
    for _ in range(int(draw.integers(1, 9))):
        changed[int(draw.integers(len(changed)))] = int(draw.integers(256))
    return _write(folder, name + suffix, bytes(changed))


def _noise(folder: Path, name: str, draw: Draw) -> str:
    magic = (PNG_MAGIC, b"\xff\xd8\xff\xe0", b"BM", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08")[int(draw.integers(5))]
    return _write(folder, name + ".png", magic + draw.bytes(int(draw.integers(300))))


def _huge(folder: Path, name: str, draw: Draw) -> str:
    width, height = (int(2 ** draw.integers(15, 31)) for _ in range(2))
    bmp = b"BM" + struct.pack("<IIIIiiHHI", 0, 0, 54, 40, width - 1, height - 1, 1, 24, 0) + bytes(40)
    jpeg = encoded(textured(16, 16), ".jpg")
    at = jpeg.index(b"\xff\xc0") + 5
    contents = (
        ("png", png_declaring(width, height)),
        ("bmp", bmp),
        ("jpg", jpeg[:at] + b"\xff\xff\xff\xff" + jpeg[at + 4 :]),
        (
            "tif",
            tiff(np.zeros((4, 4), np.uint8)).replace(
                struct.pack("<HHII", 257, 4, 1, 4), struct.pack("<HHII", 257, 4, 1, width)
            ),
        ),
    )
    suffix, content = contents[int(draw.integers(len(contents)))]
    return _write(folder, f"{name}.{suffix}", content)


def _bomb(folder: Path, name: str, draw: Draw) -> str:
    """A PNG of many grey pixels in few bytes, whose data end early."""
    side = int(draw.integers(900, 1800))
    rows = zlib.compress(bytes((side + 1) * side), 9)
    header = struct.pack(">IIBBBBB", side * int(draw.integers(2, 5)), side, 8, 0, 0, 0, 0)
    content = PNG_MAGIC + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    return _write(folder, name + ".png", content)


def _whole_bomb(side_px: int, samples: int, bits: int) -> bytes:
    """A PNG that unpacks to white (seen, not transparent) pixels of a thousand times its size."""
    packer = zlib.compressobj(1)
    row = b"\0" + b"\xff" * (side_px * samples * bits // 8)
    packed = b"".join([*(packer.compress(row) for _ in range(side_px)), packer.flush()])
    colour = {1: 0, 3: 2, 4: 6}[samples]
    header = struct.pack(">IIBBBBB", side_px, side_px, bits, colour, 0, 0, 0)
    return PNG_MAGIC + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")


def _chunk_bomb(folder: Path, name: str, draw: Draw) -> str:
    content = encoded(textured(16, 16))
    text = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(4_000_000), 9))
    return _write(folder, name + ".png", content[:33] + text * int(draw.integers(1, 4)) + content[33:-20])


def _empty(folder: Path, name: str, draw: Draw) -> str:
    return _write(folder, name + SUFFIXES[int(draw.integers(len(SUFFIXES)))], b"")


def _sparse(folder: Path, name: str, draw: Draw) -> str:
    """A file of a gigabyte that takes no room on the disk, behind the header of a small image or behind none."""
    suffix, content = _image(draw)
    with (folder / (name + suffix)).open("wb") as file:
        file.write(content if draw.random() < 0.5 else b"")
        file.truncate(int(draw.integers(1 << 28, 1 << 30)))
    return name + suffix


def _other_depth(folder: Path, name: str, draw: Draw) -> str:
    kinds = ((np.float32, 3), (np.int16, 2), (np.uint32, 1), (np.float64, 3), (np.int8, 2))
    dtype, sample_format = kinds[int(draw.integers(len(kinds)))]
    return _write(folder, name + ".tif", tiff(np.ones((9, 9), dtype), sample_format=sample_format))


def _too_few_bits(folder: Path, name: str, draw: Draw) -> str:
    bits = int(draw.integers(1, 11))
    (folder / f"{name}.json").write_text(json.dumps({"bits": bits}))
    return _write(folder, name + ".tif", tiff(np.full((9, 9), 4095, np.uint16)))


def _wicked_tiff(folder: Path, name: str, draw: Draw) -> str:
    pixels = textured(20, 30)
    contents = (
        tiff(pixels, following=8 + pixels.nbytes),  # a page that is its own successor
        tiff(pixels, strips=((8, 400), (108, 400))),
        tiff(pixels, strips=((8, 10),)),
        tiff(pixels, strips=((8, 2**31),)),
        tiff(pixels, extra=tuple((40_000 + number, 4, 1, 0) for number in range(2000))),
        tiff(pixels, extra=((256, 4, 1, 30),)),
        tiff(pixels, extra=((324, 4, 2**29, 0),)),
        tiff(pixels, photometric=int(draw.integers(7, 40000))),
        b"II*\0" + struct.pack("<I", 2**32 - 1) + bytes(40),
    )
    return _write(folder, name + ".tif", contents[int(draw.integers(len(contents)))])


def _raw(folder: Path, name: str, draw: Draw) -> str:
    facts: tuple[object, ...] = (
        {"width": 10, "height": 10, "bits": 8, "channels": 3},
        {"width": 10, "height": 11, "bits": 8},
        {"width": 10, "height": 10, "bits": 16},
        {"width": 2**30, "height": 2**30, "bits": 8},
        {"width": 10, "height": 10},
        {"width": 10, "height": 10, "bits": 9},
        {"width": 10, "height": 10, "bits": 8, "valid_lines": 11},
        {"width": -1, "height": 10, "bits": 8},
    )
    which = int(draw.integers(len(facts) + 1))
    if which < len(facts):
        (folder / f"{name}.json").write_text(json.dumps(facts[which]))
    return _write(folder, name + ".raw", bytes(100))


def _wicked_sidecar(folder: Path, name: str, draw: Draw) -> str:
    texts = (
        "[" * 60_000,
        '{"a":' * 10_000,
        '{"first_line": ' + "9" * 10_000 + "}",
        '{"mm_per_px_along": NaN}',
        '{"exposure_us": 1e999}',
        '{"first_line": 1, "first_line": 2}',
        '{"camera": "x\\ny"}',
        '{"camera": "\\ud800"}',
        '{"' + "k" * 50_000 + '": 1}',
        '{"captured_at": "9999-12-31T23:59:59-23:59"}',
        " " * 70_000 + "{}",
        "\ufeff",
        "",
        "null",
        '{"first_line": 1e300}',
        "{" + ",".join(f'"k{number}": 0' for number in range(5000)) + "}",
    )
    (folder / f"{name}.json").write_text(texts[int(draw.integers(len(texts)))], encoding="utf-8")
    return _write(folder, name + ".png", encoded(textured(16, 16)))


def _strange_sidecar(folder: Path, name: str, draw: Draw) -> str:
    sidecar = folder / f"{name}.json"
    which = int(draw.integers(4))
    if which == 0:
        sidecar.mkdir()
    elif which == 1:
        os.mkfifo(sidecar)
    elif which == 2:
        sidecar.symlink_to("/dev/zero")
    else:
        sidecar.write_bytes(b'{"camera": "\xff\xfe"}')
    return _write(folder, name + ".png", encoded(textured(16, 16)))


def _link(folder: Path, name: str, draw: Draw) -> str:
    targets = (f"{name}.png", "gone.png", "..", "../../etc/passwd", "/dev/zero", "/etc/hostname", ".", f"{'x/' * 500}x")
    (folder / f"{name}.png").symlink_to(targets[int(draw.integers(len(targets)))])
    return f"{name}.png"


def _link_to_an_image(folder: Path, name: str, _draw: Draw) -> str:
    _write(folder, f".{name}.png", encoded(textured(16, 16)))
    (folder / f"{name}.png").symlink_to(f".{name}.png")
    return f"{name}.png"


def _no_file(folder: Path, name: str, draw: Draw) -> str:
    path = folder / f"{name}.png"
    which = int(draw.integers(3))
    if which == 0:
        os.mkfifo(path)
    elif which == 1:
        path.mkdir()
        _write(path, "nested.png", encoded(textured(16, 16)))
    else:
        here = os.open(folder, os.O_RDONLY)  # a socket's path may have 107 bytes at most
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(f"/proc/self/fd/{here}/{name}.png")
        os.close(here)
    return path.name


def _no_image(folder: Path, name: str, draw: Draw) -> str:
    suffix = (".txt", ".json", ".exe", "", ".png.bak", ".tiff.gz")[int(draw.integers(6))]
    return _write(folder, name + suffix, draw.bytes(20))


def _strange_name(folder: Path, name: str, draw: Draw) -> str:
    middles = (
        "\n",
        "\r\x1b[2J",
        "\u202egnp",
        "\x7f",
        "\\x0a",
        " ..",
        "%00",
        "'; DROP TABLE frames; --",
        "u\u0308",
        "☃" * 60,
    )
    which = int(draw.integers(len(middles) + 2))
    if which < len(middles):
        strange = name + middles[which] + ".png"
    else:
        strange = os.fsdecode(os.fsencode(name) + (b"\xff\xfe" if which == len(middles) else b"y" * 246) + b".png")
    return _write(folder, strange, encoded(textured(16, 16)))


def _partial(folder: Path, name: str, draw: Draw) -> str:
    suffix = (".png.part", ".tmp", ".raw.filepart", ".tif.crdownload")[int(draw.integers(4))]
    return _write(folder, name + suffix, draw.bytes(30))


PLANTERS = (
    Planter("truncated", _truncated),
    Planter("wrong magic", _no_magic),
    Planter("altered bytes", _altered, may_be_a_frame=True),
    Planter("noise behind a magic", _noise),
    Planter("huge declared size", _huge),
    Planter("zip bomb", _bomb),
    Planter("chunk bomb", _chunk_bomb),
    Planter("zero size", _empty),
    Planter("a gigabyte behind a header", _sparse),
    Planter("wrong bit depth", _other_depth),
    Planter("too few bits declared", _too_few_bits),
    Planter("wicked TIFF", _wicked_tiff),
    Planter("wrong raw", _raw),
    Planter("wicked sidecar", _wicked_sidecar),
    Planter("strange sidecar", _strange_sidecar),
    Planter("link", _link),
    Planter("link to an image", _link_to_an_image, may_be_a_frame=True),
    Planter("pipe, folder or socket", _no_file),
    Planter("no image", _no_image),
    Planter("strange name", _strange_name, may_be_a_frame=True),
    Planter("partial", _partial),
)
