"""Import and export of files of labels on a workspace."""

from pathlib import Path

from inspect_pipeline.bootstrap.stores import Stores
from inspect_pipeline.domain.labels import LabelRole
from inspect_pipeline.errors import BadDataError, NotFoundError
from inspect_pipeline.services.label_exchange import LabelExchange, LabelsExported, LabelsImported
from inspect_pipeline.services.label_files.records import MOST_BYTES
from inspect_pipeline.store.durable_files import write_durably


def label_exchange(stores: Stores) -> LabelExchange:
    """Return the use case."""
    return LabelExchange(catalog=stores.catalog, images=stores.images, clock=stores.clock)


def import_labels(
    stores: Stores, file: Path, *, form: str, line: str, role: LabelRole, operator: str
) -> LabelsImported:
    """Take in a file of labels. Raises NotFoundError without the file, BadDataError for one that cannot be read."""
    if not file.is_file():
        raise NotFoundError(f"there is no file {file}; check the path")
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadDataError(f"{file} cannot be read ({error.strerror})") from error
    return label_exchange(stores).import_file(
        content, file_name=file.name, form=form, line=line, operator=operator, role=role
    )


def export_labels(stores: Stores, out: Path, *, form: str, line: str) -> LabelsExported:
    """Write the labels in force of a line to ``out``. Raises NotFoundError where it has none."""
    made = label_exchange(stores).export_file(form=form, line=line)
    write_durably(out, made.content)
    return made
