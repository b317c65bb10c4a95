"""Parameters of a notebook: one strict model each, checked before any work starts.

The models themselves lie where their values are used: `data/params`, `learning/params`, `evaluation/params` and
`benchmarks/params`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vpipe_utils.project.notebook_cells import PARAMETERS, names_set
from vpipe_utils.project.parameter_files import file_with, read_layers

Share = Field(ge=0, le=1)
Positive = Field(gt=0)
NotNegative = Field(ge=0)
Count = Field(ge=1)


class Parameters(BaseModel):
    """What every notebook's parameters can do: come from files or a notebook's cell, name their faults, be saved."""

    model_config = ConfigDict(extra="forbid", strict=False, protected_namespaces=())

    belongs: ClassVar[str] = ""  # the file that sets the keys of this kind, told where another file sets one

    @classmethod
    def from_notebook(cls, variables: Mapping[str, Any]) -> Self:
        """Parameters of a running notebook, from `globals()`.

        The files named in the variable `parameter_files` come first, later ones win; what else the parameters cell and
        papermill's cell behind it set wins over them (`notebook_cells.names_set`; of a script without cells: every
        variable). A name that is no parameter is an error, so a mistyped key never passes silently.
        """
        ran = any(source.strip() for source in variables.get("In", ()))  # nbval has its kernel keep no history
        names = names_set(variables["In"]) if ran else _plain_names(variables)
        own = {name: variables[name] for name in names if name in variables}
        return cls.from_values({**read_layers(variables.get("parameter_files", ())), **own})

    @classmethod
    def from_values(cls, values: Mapping[str, Any], where: str = "parameters", files: Sequence[Path] = ()) -> Self:
        """Validate; one sentence a fault, naming the key, which of ``files`` sets it (else ``where``), the nearest."""
        try:
            return cls(**values)
        except ValidationError as error:
            places = [file_with(item["loc"][0], files) if item["loc"] else None for item in error.errors()]
            faults = [_fault(item, cls) for item in error.errors()]
            told = [f"{place or where}: {fault}" for place, fault in zip(places, faults, strict=True)]
            raise ValueError("; ".join(told)) from None

    def save(self, folder: Path) -> None:
        """Write the effective parameters beside the run's artefacts."""
        folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(self.model_dump(), sort_keys=False, allow_unicode=True)
        (folder / "params.yaml").write_text(text, encoding="utf-8")


def _plain_names(variables: Mapping[str, Any]) -> list[str]:
    """The variables of a script, or of a kernel without history, that are neither imported, private nor IPython's."""
    not_set = {PARAMETERS, "In", "Out", "exit", "quit", "open", "get_ipython"}
    names = [name for name in variables if not name.startswith("_") and name not in not_set]
    return [name for name in names if not isinstance(variables[name], ModuleType | type)]


def _fault(item: Mapping[str, Any], kind: type[Parameters]) -> str:
    key = ".".join(map(str, item["loc"]))
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, list(kind.model_fields), n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        if owner := next((other for other in _kinds() if key in other.model_fields), None):
            hint = f"; it belongs in {owner.belongs}"
        return f"'{key}' is no parameter here{hint}"
    if item["type"] == "missing":
        return f"'{key}' is missing: set it in one of the parameter files"
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    quotes = "; put it in quotes (YAML reads NO, ON, Y and 007 otherwise)" if item["type"] == "string_type" else ""
    return f"'{key}' is {item['input']!r}: {item['msg'].lower()}{quotes}"


def _kinds(kind: type[Parameters] = Parameters) -> Iterator[type[Parameters]]:
    """All kinds of parameters that this process knows, the general ones first."""
    for child in kind.__subclasses__():
        yield child
        yield from _kinds(child)
