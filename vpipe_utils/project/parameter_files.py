"""Flat YAML parameter files and the order in which they are laid over each other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from vpipe_utils.project.names import NOT_MODELS, require_preset_name
from vpipe_utils.project.paths import project_root, resolve

# Keys whose values are names and paths: read as they are written, where YAML sees 7 in 007 and False in NO.
TEXT = {
    "preset", "extends", "outputs", "videos_dir", "annotations", "test_annotations", "classes", "class_names",
    "normal_class", "model", "backbone", "checkpoint", "frame_models", "video_models", "super_image_models",
    "ensemble_models", "measured_models", "precision",
}  # fmt: skip
# Values that do not change what a notebook computes: where it writes, how many processes, which runs the preset has.
PLACE = {"outputs", "extends", "workers", "loader_workers", "data_jobs", "memory_gb"}
NAMES = {"class_names"}  # shown only: notebooks 06 and 10 run again for them; what is prepared and trained stays
LIST_OF_RUNS = {"frame_models", "video_models", "super_image_models", "train_folds"}


def read_yaml(path: str | Path) -> dict[str, Any]:
    """One flat parameter file. Raises ValueError for bad YAML, a nested layout or a key given twice."""
    path = resolve(path)
    if not path.is_file():
        raise FileNotFoundError(f"parameter file {path} is not there; see params/ for those there are")
    try:
        values = _load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"{path}: holds a {type(values).__name__}; write one 'key: value' a line")
    return values


def read_layers(files: Iterable[str | Path]) -> dict[str, Any]:
    """Values of several parameter files; a later file wins key by key, as with papermill's repeated `-f`."""
    values: dict[str, Any] = {}
    for file in files:
        values |= read_yaml(file)
    return values


def file_with(key: str, files: Iterable[str | Path]) -> Path | None:
    """The last of some parameter files that sets ``key``, which is the one that counts; None where none does."""
    return next((Path(file) for file in reversed(list(files)) if key in read_yaml(file)), None)


def layer_files(preset: str, model: str | None = None, fold: int | None = None) -> list[Path]:
    """Parameter files of one notebook run, later wins; relative to the project root.

    `paper` is complete; a preset says only what it changes, and may start from another preset by `extends` in its
    data.yaml. For each preset, oldest first: data, for a model training (what the preset sets for all its models;
    optional), then `model`, which may also be "ensemble" or "benchmarks". `model` None: the data layers alone. A model
    neither in `paper` nor in the preset is an error.
    """
    root = project_root()
    names = ["data"] + (["training"] if model and model not in NOT_MODELS else []) + ([model] if model else [])
    files = [Path("params") / layer / f"{name}.yaml" for layer in ("paper", *_ancestry(preset)) for name in names]
    files = [file for file in dict.fromkeys(files) if (root / file).is_file()]
    if model and not any(file.stem == model for file in files):
        there = sorted(p.stem for p in (root / "params" / "paper").glob("*.yaml") if p.stem not in NOT_MODELS)
        raise ValueError(f"no parameter file for model '{model}'; params/paper holds {', '.join(there)}")
    if fold is not None:
        files.append(Path("params") / "folds" / f"fold_{fold}.yaml")
    return files


def runs_benchmarks(preset: str, source: str) -> bool:
    """Whether `make report` runs notebook 12: own data asks for it with a params/<preset>/benchmarks.yaml."""
    asked = project_root() / "params" / preset / "benchmarks.yaml"  # paper has one
    return source == "pipesim" or asked.is_file()


def _ancestry(preset: str) -> list[str]:
    """The presets `preset` extends, oldest first, and itself."""
    chain: list[str] = []
    name: str | None = preset
    while name is not None:
        require_preset_name(name)
        data = project_root() / "params" / name / "data.yaml"
        if not data.is_file():
            there = sorted(p.parent.name for p in (project_root() / "params").glob("*/data.yaml"))
            raise ValueError(f"preset '{name}' has no params/{name}/data.yaml; presets are {', '.join(there)}")
        if name in chain:
            raise ValueError(f"params/{name}/data.yaml: presets extend each other in a circle: {' -> '.join(chain)}")
        chain.append(name)
        name = read_yaml(data).get("extends") if name != "paper" else None
    return chain[::-1]


def _load(text: str) -> Any:
    loader = _NoDuplicates(text)
    try:
        root = loader.get_single_node()
        if isinstance(root, yaml.MappingNode):
            for key, value in root.value:
                if key.value in TEXT:
                    _keep_as_written(value)
        return None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def _keep_as_written(node: yaml.Node) -> None:
    """Make text of every value that stands there without quotes; null stays null."""
    if isinstance(node, yaml.ScalarNode):
        if node.style is None and node.tag != "tag:yaml.org,2002:null":
            node.tag = "tag:yaml.org,2002:str"
    else:
        for item in node.value:
            for inner in item if isinstance(item, tuple) else (item,):
                _keep_as_written(inner)


class _NoDuplicates(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, but a key given twice is an error and 1e-3 is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.YAMLError(f"'{key}' is given twice, the second time in line {key_node.start_mark.line + 1}")
            seen.add(key)
        return super().construct_mapping(node, deep)
