"""``NAME@REF`` as written on the command line: a registered model at a version or an alias."""

from dataclasses import dataclass

from inspect_pipeline.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReference:
    """A registered name with a version (digits), an alias, or neither."""

    model: str
    version: str | None = None
    alias: str | None = None


def parse_reference(text: str) -> ModelReference:
    """Return the parts of ``NAME``, ``NAME@VERSION`` or ``NAME@ALIAS``. Raises UserError for an empty part."""
    model, at, reference = text.rpartition("@")
    if not at:
        model, reference = text, ""
    if not model or (at and not reference):
        raise UserError(f"{text!r} names no model; write NAME, NAME@VERSION or NAME@ALIAS (see 'models list')")
    if reference.isascii() and reference.isdigit():
        return ModelReference(model=model, version=reference)
    return ModelReference(model=model, alias=reference or None)
