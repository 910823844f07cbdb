"""The package as a whole: its list of folders, its floors, its docstrings, its import times."""

import ast
import doctest
import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("callbacks", "cli", "core", "exports", "tuning", "zoo")
FLOORS = {"core": 1, "callbacks": 2, "exports": 2, "zoo": 3, "tuning": 4, "cli": 5}
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
MODULES = [
    ".".join(("occam", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in FILES
]


def test_the_wheel_has_every_package():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = (init.parent for f in FOLDERS for init in (ROOT / f).rglob("__init__.py"))
    found = [".".join(("occam", *folder.relative_to(ROOT).parts)) for folder in folders]
    assert sorted(listed) == sorted([*found, "occam.lab"])


def test_every_folder_with_modules_is_a_package():
    for folder in FOLDERS:
        for module in (ROOT / folder).rglob("*.py"):
            assert (module.parent / "__init__.py").exists(), module


def imported_folders(path):
    """The folders of Occam that a file imports, wherever in the file it does."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            module = (*base, *(node.module or "").split("."))
            yield from [module[0]] if base or node.module else (a.name for a in node.names)


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_only_go_down(folder):
    for path in (ROOT / folder).rglob("*.py"):
        for imported in imported_folders(path):
            same = imported == folder
            assert same or FLOORS[imported] < FLOORS[folder], f"{path} imports {imported}"


def runtime_nodes(node):
    """All nodes below `node` but those under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from runtime_nodes(child)


def imported_modules(name, path):
    """The modules of Occam that a module imports, at its top or inside a function."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in runtime_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            source = ".".join((*base, *([node.module] if node.module else ())))
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield inner if inner in MODULES else source


def test_no_modules_import_each_other():
    imports = {
        name: {m for m in imported_modules(name, path) if m in MODULES and m != name}
        for name, path in zip(MODULES, FILES, strict=True)
    }

    def reached(name):
        found, waiting = set(), [name]
        while waiting:
            new = imports[waiting.pop()] - found
            found |= new
            waiting += new
        return found

    below = {name: reached(name) for name in MODULES}
    circles = {
        tuple(sorted(other for other in below[name] if name in below[other]))
        for name in MODULES
        if name in below[name]
    }
    assert not circles


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name, data_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def run(code, **kwargs):
    """Runs Python code in a process of its own and returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, **kwargs
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_imports_nothing_heavy():
    out = run(
        "import sys, occam.cli.main; "
        "print([m for m in ('keras', 'tensorflow', 'numpy', 'jax') if m in sys.modules])"
    )
    assert out.strip() == "[]"


def test_a_script_with_its_own_callbacks_beside_it(tmp_path):
    (tmp_path / "callbacks.py").write_text("MINE = 'mine'\n")
    (tmp_path / "zoo.py").write_text("MINE = 'my animals'\n")
    script = tmp_path / "train.py"
    script.write_text(
        "import callbacks, zoo\n"
        "from occam import callbacks as theirs, exports, tuning, zoo as models\n"
        "print(callbacks.MINE, zoo.MINE, theirs.EarlyStopping.__name__, models.list_models()[0])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert done.stdout.strip() == "mine my animals EarlyStopping cnn1d", done.stderr


def test_what_the_zoo_exports_is_there():
    from occam import zoo

    assert "create_model" in dir(zoo)
    for name in dir(zoo):
        assert getattr(zoo, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = zoo.nothing


def test_the_readme_has_no_figure_left_out():
    words = (ROOT / "README.md").read_text().split()
    assert not [word for word in words if word.isupper() and "_" in word]


def test_the_readme_shows_the_quickstart():
    readme = (ROOT / "README.md").read_text()
    code = readme.split("```python\n")[1].split("```")[0]
    example = (ROOT / "examples" / "quickstart.py").read_text().split('"""\n', 1)[1]

    def statements(text):
        return [ast.dump(node) for node in ast.parse(text).body]

    assert statements(code) == statements(example)
