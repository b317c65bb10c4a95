"""Which names presets and models may have. Needs nothing but the standard library: `make clean` asks here too."""

from __future__ import annotations

import re

from vpipe_utils.project.paths import APPROACHES

# Files of a preset; every other is a model's.
NOT_MODELS = ("data", "training", "ensemble", "benchmarks", "plan", "weak", *APPROACHES)
ALLOWED = "letters, digits, '_' and '-'"


def require_preset_name(name: object) -> str:
    """The name, where a preset may have it: a folder of `params/` and of `outputs/` is called so. Else ValueError."""
    if not isinstance(name, str):
        raise ValueError(f"preset is {name!r}, which YAML does not read as text: write it in quotes")
    if not name:
        raise ValueError("the name of the preset is empty; name a folder of params/, as in PRESET=demo")
    if not re.fullmatch(r"\w[\w.-]*", name) or name.endswith("."):
        raise ValueError(f"preset {name!r} is no name that can be used: take {ALLOWED}, a '.' only in between")
    if name.casefold() == "reference":
        raise ValueError(f"preset {name!r} would write to outputs/reference, which is the project's own: take another")
    return name


def require_model_name(name: object) -> str:
    """The name, where a model may have it: files, folders and pages are called so. Else ValueError."""
    name = require_file_name("model", name)
    if name in NOT_MODELS:
        raise ValueError(f"model {name!r} is no name that can be used: take another, {name}.yaml holds something else")
    return name


def require_file_name(kind: str, name: object) -> str:
    """The name, where what is of this kind, "model" or "trick", may have it: its file is called so. Else ValueError."""
    if not isinstance(name, str):
        raise ValueError(f"{kind} {name!r} is not text for YAML: write it in quotes")
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ValueError(f"{kind} {name!r} is no name that can be used: take {ALLOWED}, and call its file so too")
    return name
