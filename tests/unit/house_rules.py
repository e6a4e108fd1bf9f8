"""The habits of the house as checks: each takes the text of a file and returns what breaks the rule, one line each."""

import ast
import re
from collections.abc import Callable, Iterator, Sequence

LONGEST_FILE, LONGEST_FUNCTION = 400, 50
ROOMS_WITHOUT_A_NAME = frozenset({"utils.py", "helpers.py", "common.py", "misc.py"})
PICKLING = frozenset({"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"})

# Put together here, so that this file does not break the rules that it keeps.
_MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|home)" + "/")
_INDEX_HOST = re.compile(
    "|".join([r"pypi\." + "org", r"pythonhosted\." + "org", r"download\.pytorch\." + "org", r"anaconda\." + "org"])
    + "|--(?:extra-)?index"
    + "-url",
    re.IGNORECASE,
)
_PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!]*")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Check = Callable[[str], list[str]]


def long_file(text: str) -> list[str]:
    """Return the number of lines where a file is over the ceiling."""
    lines = len(text.splitlines())
    return [f"{lines} lines, at most {LONGEST_FILE}"] if lines > LONGEST_FILE else []


def long_functions(text: str) -> list[str]:
    """Return the functions over the ceiling, docstring included."""
    sized = [(each, (each.end_lineno or each.lineno) - each.lineno + 1) for each in _functions(ast.parse(text))]
    return [
        f"{each.lineno}: {each.name} has {lines} lines, at most {LONGEST_FUNCTION}"
        for each, lines in sized
        if lines > LONGEST_FUNCTION
    ]


def missing_docstrings(text: str) -> list[str]:
    """Return the module, public classes, functions and methods without a docstring."""
    tree = ast.parse(text)
    found = [] if ast.get_docstring(tree) else ["1: the module has no docstring"]
    return found + [
        f"{each.lineno}: {each.name} has no docstring" for each in _public(tree) if not ast.get_docstring(each)
    ]


def options_passed_on(text: str) -> list[str]:
    """Return the functions that take ``**kwargs`` and hand them to another one."""
    return [
        f"{each.lineno}: {each.name} passes **{each.args.kwarg.arg} on"
        for each in _functions(ast.parse(text))
        if each.args.kwarg is not None and _hands_on(each, each.args.kwarg.arg)
    ]


def broad_excepts(text: str) -> list[str]:
    """Return the handlers that catch everything and keep it; one that tidies up and ends in ``raise`` keeps nothing."""
    return [
        f"{handler.lineno}: catches everything; name the errors"
        for handler in ast.walk(ast.parse(text))
        if isinstance(handler, ast.ExceptHandler) and _is_broad(handler.type) and not _raises_again(handler)
    ]


def pickle_imports(text: str) -> list[str]:
    """Return the imports of modules whose files can run code when they are read.

    The name of the error that a weights-only load raises is all that may be taken from there.
    """
    return [
        f"{line}: imports {name}"
        for line, name in imports(text)
        if name.split(".")[0] in PICKLING and name != "pickle.UnpicklingError"
    ]


def unsafe_loads(text: str) -> list[str]:
    """Return the calls of ``torch.load`` without ``weights_only=True``, and imports that would hide one."""
    tree = ast.parse(text)
    found = [
        f"{call.lineno}: torch.load without weights_only=True"
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and _dotted(call.func) in ("torch.load", "torch.jit.load")
        and not any(
            word.arg == "weights_only" and isinstance(word.value, ast.Constant) and word.value.value is True
            for word in call.keywords
        )
    ]
    return found + [f"{line}: imports torch.load by name" for line, name in imports(text) if name == "torch.load"]


def prefect_imports(text: str) -> list[str]:
    """Return the imports of Prefect or of the flows."""
    return [f"{line}: imports {name}" for line, name in imports(text) if name.split(".")[0] in ("prefect", "flows")]


def crowded_init(text: str) -> list[str]:
    """Return what an ``__init__`` holds beside its docstring and ``__version__``."""
    body = ast.parse(text).body
    rest = body[1:] if body and ast.get_docstring(ast.parse(text)) else body
    return [f"{each.lineno}: {ast.unparse(each).splitlines()[0]}" for each in rest if not _is_version(each)]


def mocks(text: str) -> list[str]:
    """Return the imports of mocking tools; a small fake says more."""
    return [
        f"{line}: imports {name}"
        for line, name in imports(text)
        if "mock" in name.split(".")[:2] or name == "pytest_mock"
    ]


def machine_paths(text: str) -> list[str]:
    """Return the lines that name a folder of somebody's machine."""
    return _lines_with(_MACHINE_PATH, text)


def index_hosts(text: str) -> list[str]:
    """Return the lines that name a package index or set one."""
    return _lines_with(_INDEX_HOST, text)


def loose_pins(text: str) -> list[str]:
    """Return the lines of a lock that are neither ``name==version`` nor a comment of their own.

    A URL, a file path, an index option, a range and a local version (``+cpu``, on no public index) are all refused.
    """
    lines = enumerate(text.splitlines(), start=1)
    return [f"{number}: {line}" for number, line in lines if not (line.startswith("#") or _PIN.fullmatch(line))]


def imports(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import, late ones included; ``from a import b`` gives ``a.b``."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{'.' * node.level}{node.module or ''}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _dotted(node.func) in ("importlib.import_module", "__import__"):
            names = [word.value for word in node.args[:1] if isinstance(word, ast.Constant)]
            yield from ((node.lineno, str(name)) for name in names)


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _public(tree: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """Yield the classes, functions and methods that others can reach by public names."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def _hands_on(function: Function, name: str) -> bool:
    calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
    return any(
        word.arg is None and isinstance(word.value, ast.Name) and word.value.id == name
        for call in calls
        for word in call.keywords
    )


def _is_broad(caught: ast.expr | None) -> bool:
    names: Sequence[ast.expr | None] = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(name is None or _dotted(name) in ("Exception", "BaseException") for name in names)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _is_version(node: ast.stmt) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return bool(targets) and all(isinstance(target, ast.Name) and target.id == "__version__" for target in targets)


def _dotted(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""


def _lines_with(pattern: re.Pattern[str], text: str) -> list[str]:
    lines = enumerate(text.splitlines(), start=1)
    return [f"{number}: {line.strip()[:120]}" for number, line in lines if pattern.search(line)]
