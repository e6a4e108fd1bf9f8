"""Opens the image store of a URL: a local folder, or what fsspec knows."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from inspect_pipeline.errors import ConfigError
from inspect_pipeline.store.images import FileImageStore

if TYPE_CHECKING:
    from inspect_pipeline.store.object_images import ObjectImageStore


def open_image_store(url: str) -> "FileImageStore | ObjectImageStore":
    """Return the store at a path, ``file:///FOLDER``, ``s3://BUCKET/PREFIX`` or another URL of fsspec.

    Raises ConfigError for a URL that cannot be used or that holds a password; StorageError.
    """
    if not url:
        raise ConfigError("the image store has no address; give a folder or s3://BUCKET/PREFIX")
    if "://" not in url:
        return FileImageStore(Path(url))
    if url.startswith("file://"):
        return FileImageStore(_folder(url))
    from inspect_pipeline.store.object_images import ObjectImageStore

    return ObjectImageStore(url)


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.strip("/"):
        raise ConfigError(f"{url!r} names no folder of this machine; write file:///FOLDER")
    return Path(unquote(parts.path))
