"""The model registry in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from inspect_pipeline.domain.bundle import Bundle
from inspect_pipeline.domain.records import ModelVersion
from inspect_pipeline.errors import NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Entry:
    bundle: Bundle
    record: ModelVersion


class InMemoryRegistry:
    """Versions and aliases in dictionaries; versions count from "1"."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, _Entry]] = {}
        self._aliases: dict[tuple[str, str], str] = {}

    def register(self, model: str, bundle: Bundle, *, tags: Mapping[str, str], run: str | None = None) -> str:
        entries = self._entries.setdefault(model, {})
        for version, entry in entries.items():
            if entry.bundle.sha256 == bundle.sha256:
                return version
        version = str(len(entries) + 1)
        every = {**tags, "bundle_sha256": bundle.sha256, "kind": bundle.kind.value}
        record = ModelVersion(
            model=model,
            version=version,
            created_at=datetime(2024, 1, 1, tzinfo=UTC),
            aliases=(),
            tags=every,
            run=run or f"run-{model}-{version}",
        )
        entries[version] = _Entry(bundle=bundle, record=record)
        return version

    def load(self, model: str, *, version: str | None = None, alias: str | None = None) -> tuple[str, Bundle]:
        wanted = self.aliased(model, alias) if version is None and alias is not None else version
        entry = self._entries.get(model, {}).get(wanted or "")
        if wanted is None or entry is None:
            raise NotFoundError(f"there is no {model} version {version} or alias {alias}")
        return wanted, entry.bundle

    def models(self) -> list[str]:
        return sorted(self._entries)

    def versions(self, model: str) -> list[ModelVersion]:
        newest_first = reversed(self._entries.get(model, {}).values())
        return [replace(entry.record, aliases=self._aliases_of(entry.record)) for entry in newest_first]

    def aliased(self, model: str, alias: str) -> str | None:
        return self._aliases.get((model, alias))

    def set_alias(self, model: str, alias: str, version: str | None) -> None:
        if version is None:
            self._aliases.pop((model, alias), None)
        elif version not in self._entries.get(model, {}):
            raise NotFoundError(f"there is no {model} version {version}")
        else:
            self._aliases[model, alias] = version

    def set_tag(self, model: str, version: str, key: str, value: str) -> None:
        entry = self._entries.get(model, {}).get(version)
        if entry is None:
            raise NotFoundError(f"there is no {model} version {version}")
        record = replace(entry.record, tags={**entry.record.tags, key: value})
        self._entries[model][version] = replace(entry, record=record)

    def _aliases_of(self, record: ModelVersion) -> tuple[str, ...]:
        pairs = self._aliases.items()
        return tuple(sorted(a for (model, a), v in pairs if (model, v) == (record.model, record.version)))
