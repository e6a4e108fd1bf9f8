"""The errors of the house, one small tree, caught once at the edge.

InspectError                      our fault unless a child says otherwise     exit 1
├── UserError                     bad input, wrong option                     exit 2
│   ├── ConfigError               a configuration file or variable
│   ├── BadImageError             bytes that are no usable image
│   ├── BadDataError              a folder, label or episode that cannot work
│   ├── NotFoundError             a coil, model or type that is not there
│   └── WeightsError              backbone weights missing, wrong or altered
├── RefusedError                  a gate said no                              exit 3
├── NothingToDoError              the work is already done                    exit 4
├── CameraError                   a camera that is lost or does not answer    exit 1
└── StorageError                  disk, database or registry                  exit 1
    ├── DiskFullError
    └── AlteredError              stored bytes that are no longer what was stored

Every message is one line: what, where, and what to do.
"""

from typing import ClassVar


class InspectError(Exception):
    """Base of everything this package raises on purpose."""

    exit_code: ClassVar[int] = 1


class UserError(InspectError):
    """The caller can mend it: bad input or a wrong option."""

    exit_code = 2


class ConfigError(UserError):
    """A configuration file or environment variable is wrong."""


class BadImageError(UserError):
    """Bytes that are no usable image; the message is the reason kept in the ledger."""


class BadDataError(UserError):
    """A data folder, label set or episode that cannot work."""


class NotFoundError(UserError):
    """A coil, model, alias or type that does not exist."""


class WeightsError(UserError):
    """Backbone weights are missing, of another architecture, or altered."""


class RefusedError(InspectError):
    """A gate refused; the message gives its reasons."""

    exit_code = 3


class NothingToDoError(InspectError):
    """All that was asked for is already there."""

    exit_code = 4


class CameraError(InspectError):
    """A camera is not there, is held by another program, or was lost; what it sent before is kept."""


class StorageError(InspectError):
    """The disk, the database or the registry failed."""


class DiskFullError(StorageError):
    """No space left; nothing half-written stays behind."""


class AlteredError(StorageError):
    """Stored bytes no longer match their hash; what they hold is not to be used."""
