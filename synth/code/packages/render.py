"""Packages from templates (`synth/code/packages/<domain>/`): what differs from package to package are names, numbers,
rules (`choices`) and which features there are.

A domain folder holds `domain.yaml` (package names, names, numbers, choices, features with their issue), the package's
modules `src/*.py.j2`, `README.md.j2`, `tests/*.py.j2`, and `probes.py.j2`: hidden tests, each headed by a line
`### name`.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import jinja2
import yaml

from synth.records import rng_for

DOMAINS = ("stock", "loans", "billing", "tracker")
OFF = 0.35  # share of features that a package lacks


@dataclass(frozen=True)
class Package:
    """One drawn package: what its templates are filled with."""

    domain: str
    name: str
    words: Mapping[str, Any]  # names, numbers, choices
    features: frozenset[str]
    seed: int  # of the numbers in tests and probes


@functools.cache
def domain(name: str) -> dict[str, Any]:
    """The domain's description."""
    found: dict[str, Any] = yaml.safe_load((_folder(name) / "domain.yaml").read_text(encoding="utf-8"))
    return found


def _folder(name: str) -> Traversable:
    return files("synth.code.packages") / name


@functools.cache
def _templates(name: str) -> dict[str, jinja2.Template]:
    """Path in the tree -> template; modules go to `PACKAGE/`."""
    environment = jinja2.Environment(  # noqa: S701  the output is Python, not a page
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    found = {}
    for folder in ("", "src", "tests"):
        at = _folder(name) / folder if folder else _folder(name)
        for file in sorted(at.iterdir(), key=lambda f: f.name):
            if file.name.endswith(".j2"):
                path = "/".join(part for part in (folder, file.name.removesuffix(".j2")) if part)
                found[path] = environment.from_string(file.read_text(encoding="utf-8"))
    return found


def draw(rng: random.Random, name: str) -> Package:
    """A package of a domain. At least two features are there and one is not."""
    told = domain(name)
    words: dict[str, Any] = {key: rng.choice(values) for key, values in told["names"].items()}
    words |= {key: rng.choice(values) for key, values in told["choices"].items()}
    words |= {key: rng.randint(*bounds) for key, bounds in told["numbers"].items()}
    known = sorted(told["features"])
    features = {one for one in known if rng.random() > OFF}
    while len(features) < 2:
        features.add(rng.choice(known))
    return Package(name, rng.choice(told["packages"]), words, frozenset(features), rng.getrandbits(32))


def tree(package: Package) -> dict[str, str]:
    """The package with its README and visible tests."""
    found = {f"{package.name}/__init__.py": "", "tests/__init__.py": ""}
    for path, template in _templates(package.domain).items():
        if path != "probes.py":
            text = template.render(**_slots(package, path))
            if text.strip():  # a module that only a feature needs
                found[path.replace("src/", f"{package.name}/")] = text.strip("\n") + "\n"
    return dict(sorted(found.items()))


def probes(package: Package) -> dict[str, str]:
    """Hidden tests: name -> code that sets `result`."""
    text = _templates(package.domain)["probes.py"].render(**_slots(package, "probes.py"))
    found: dict[str, str] = {}
    for block in text.split("### ")[1:]:
        name, _, code = block.partition("\n")
        found[name.strip()] = code.strip("\n")
    return found


def issue(package: Package, missing: Sequence[str]) -> str:
    """What ISSUE.md says of the features that are missing."""
    told = domain(package.domain)["features"]
    return "\n".join(_filled(package, told[one]["issue"]).strip("\n") + "\n" for one in missing)


def _filled(package: Package, text: str) -> str:
    """A text of `domain.yaml` (an issue) filled for the package."""
    template = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(text)  # noqa: S701
    return template.render(**_slots(package, "issue"))


def _slots(package: Package, path: str) -> dict[str, Any]:
    rng = rng_for("code.package", package.seed, path)
    return {**package.words, "pkg": package.name, "has": package.features.__contains__, "n": _number(rng)}


def _number(rng: random.Random) -> Callable[[int, int], int]:
    return lambda low, high: rng.randint(low, high)
