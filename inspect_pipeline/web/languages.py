"""The words of the pages in the languages of the shift: one JSON file an area and language, the same keys in each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "English", "zh": "中文"})
"""The languages by their tag, each in its own name; the first is what is shown where nothing was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The texts of one language: ``words(key, name=value)`` gives the text with its places filled."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **places: object) -> str:
        """Return the text of a key. Raises KeyError for one that is not there: a page never shows a bare key."""
        text = self.texts[key]
        return text.format_map(places) if places else text

    def area(self, name: str) -> dict[str, str]:
        """Return the texts of an area by their keys without its name; empty where there is no such area."""
        prefix = f"{name}."
        return {key.removeprefix(prefix): text for key, text in self.texts.items() if key.startswith(prefix)}


@cache
def words_of(language: str) -> Words:
    """Return the texts of a language of ``LANGUAGES``."""
    folder = files("inspect_pipeline.web").joinpath("locales", language)
    texts: dict[str, str] = {}
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        area = file.name.removesuffix(".json")
        found = json.loads(file.read_text(encoding="utf-8"))
        texts |= {f"{area}.{key}": text for key, text in found.items()}
    return Words(language=language, texts=MappingProxyType(texts))


def chosen_language(cookie: str | None, accepted: str) -> str:
    """Return the language of a reader: what they chose, else the first of the browser's wishes that is there."""
    if cookie in LANGUAGES:
        return str(cookie)
    wishes = [part.split(";")[0].strip().lower()[:2] for part in accepted.split(",")]
    return next((wish for wish in wishes if wish in LANGUAGES), next(iter(LANGUAGES)))
