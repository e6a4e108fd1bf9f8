"""Numbers with commas between them, as options of curves are typed; ``A-B`` stands for every whole number between."""

from inspect_pipeline.errors import UserError

_MOST = 1000


def points_of(name: str, text: str | None) -> tuple[int, ...]:
    """Return the points of the curve that ``--name`` asks for, smallest first, each once."""
    if text is None:
        return ()
    found: set[int] = set()
    for word in (word.strip() for word in text.split(",")):
        first, dash, last = word.partition("-")
        ends = (first, last) if dash else (first,)
        wrong = [end for end in ends if not (end.isascii() and end.isdecimal())]
        if wrong or int(ends[-1]) > _MOST:
            raise UserError(f"--{name} {text}: {word!r} is no count; give whole numbers with commas between: 1,3,5")
        found |= set(range(int(ends[0]), int(ends[-1]) + 1))
    return tuple(sorted(found))
