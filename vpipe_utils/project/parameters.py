"""Parameters of a notebook: one strict model each, checked before any work starts.

The models themselves lie where their values are used: `data/params`, `learning/params`, `evaluation/params` and
`benchmarks/params`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vpipe_utils.project.notebook_cells import cells_that_ran, names_set
from vpipe_utils.project.parameter_files import approach_of, file_with, layer_files, read_layers, trick_files

Share = Field(ge=0, le=1)
Positive = Field(gt=0)
NotNegative = Field(ge=0)
Count = Field(ge=1)


class Parameters(BaseModel):
    """What every notebook's parameters can do: come from files or a notebook's cell, name their faults, be saved."""

    model_config = ConfigDict(extra="forbid", strict=False, protected_namespaces=())

    belongs: ClassVar[str] = ""  # the file that sets the keys of this kind, told where another file sets one
    layer: ClassVar[str | None] = None  # the same file's name without .yaml, of kinds that have one besides data.yaml
    approach: ClassVar[str] = ""  # of kinds that train a model: one of `paths.APPROACHES`

    @classmethod
    def from_notebook(cls, variables: Mapping[str, Any]) -> Self:
        """Parameters of a running notebook, from `globals()`.

        The parameters cell and papermill's cell behind it name `preset`, and for a run `model`, `fold` and `trick`; any
        key that they set besides wins over the files (`notebook_cells.names_set`). Where they set every key, as with
        papermill's repeated `-f`, no file is read. A name that is no parameter is an error, so a mistyped key never
        passes silently.
        """
        own = {name: variables[name] for name in names_set(cells_that_ran(variables)) if name in variables}
        own.pop("extends", None)  # it orders files only; papermill takes it from them
        trick = own.get("trick")
        if "trick" not in cls.model_fields:
            own.pop("trick", None)
        if cls.model_fields.keys() <= own.keys():
            files = []
        elif missing := {"preset", "model"} & cls.model_fields.keys() - own.keys():
            raise ValueError(f"the parameters cell sets no {min(missing)}: see params/ for those there are")
        else:
            run = {key: own.get(key) for key in ("model", "fold") if key in cls.model_fields}
            files = layer_files(own["preset"], **{"model": cls.layer} | run, trick=trick)
            if (approach := approach_of(files)) not in (None, cls.approach):
                raise ValueError(f"model '{own['model']}' is of approach {approach}, this notebook for {cls.approach}")
        for key, value in read_layers(trick_files(trick) if trick else ()).items():
            if own.get(key, value) != value:
                raise ValueError(f"trick '{trick}' sets {key} to {value!r}, this notebook to {own[key]!r}")
        return cls.from_values({**read_layers(files), **own})

    @classmethod
    def from_preset(cls, preset: str, outputs: str | None = None) -> Self:
        """Those of a preset's files, for scripts; ``outputs``: another folder for everything that is written."""
        files = layer_files(preset, cls.layer)
        values = read_layers(files) | ({"outputs": outputs} if outputs else {})
        return cls.from_values(values, f"params/{preset}/{cls.layer or 'data'}.yaml", files)

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
