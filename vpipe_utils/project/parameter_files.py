"""Flat YAML parameter files and the order in which they are laid over each other."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from vpipe_utils.project.names import NOT_MODELS, require_file_name, require_model_name, require_preset_name
from vpipe_utils.project.paths import APPROACHES, TRICKS, project_root, resolve

# Keys whose values are names and paths: read as they are written, where YAML sees 7 in 007 and False in NO.
TEXT = {
    "preset", "extends", "outputs", "videos_dir", "annotations", "test_annotations", "classes", "class_names",
    "normal_class", "model", "backbone", "checkpoint", "frame_models", "video_models", "super_image_models",
    "ensemble_models", "measured_models", "precision", "trick", "weak_reference", "weak_beside",
}  # fmt: skip
# Values that do not change what a notebook computes: where it writes, how many processes, how much at a time.
PLACE = {"outputs", "workers", "loader_workers", "data_jobs", "devices", "memory_gb", "time_limit_h", "eval_batch_size"}
NAMES = {"class_names"}  # shown only: notebooks 06 and 10 run again for them; what is prepared and trained stays
# What clips, labels and folds are made from: for training these count by their content (`tiles/training_clips`).
MAKES_DATA = {
    "source", "videos_dir", "annotations", "test_annotations", "normal_class", "by_recording", "pipesim_train",
    "pipesim_test", "pipesim_width", "pipesim_height", "pipesim_frames", "pipesim_fps", "pipesim_temper",
    "pipesim_sight", "pipesim_size", "pipesim_contrast",
}  # fmt: skip
LIST_OF_RUNS = {"frame_models", "video_models", "super_image_models", "train_folds"}
OF_ALL_MODELS = ("ensemble", "benchmarks", "weak")  # layers of notebooks that are about all models


def read_yaml(path: str | Path) -> dict[str, Any]:
    """One flat parameter file. Raises ValueError for bad YAML, a nested layout or a key given twice."""
    path = resolve(path)
    if not path.is_file():
        raise FileNotFoundError(f"parameter file {path} is not there; see params/ for those there are")
    try:
        values = copy.deepcopy(_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError(f"{path}: holds a {type(values).__name__}; write one 'key: value' a line")
    return values


def read_layers(files: Iterable[str | Path]) -> dict[str, Any]:
    """Values of several parameter files; a later file wins key by key, as with papermill's repeated `-f`.

    Without `extends`, which says only which files there are (`layer_files`).
    """
    values: dict[str, Any] = {}
    for file in files:
        values |= read_yaml(file)
    values.pop("extends", None)
    return values


def file_with(key: str, files: Iterable[str | Path]) -> Path | None:
    """The last of some parameter files that sets ``key``, which is the one that counts; None where none does."""
    return next((Path(file) for file in reversed(list(files)) if key in read_yaml(file)), None)


def layer_files(preset: str, model: str | None = None, fold: int | None = None, trick: str | None = None) -> list[Path]:
    """Parameter files of one notebook run, later wins; relative to the project root.

    First those of `paper`, which is complete, then those of the presets that `preset` extends (`extends` in data.yaml),
    oldest first, then its own. Of each preset: data.yaml; for a model training.yaml, which all its models share, then
    the files of what the model extends (`extends` in its file: an approach or another model), then its own. Last
    `folds/fold_<fold>.yaml` and `tricks/<trick>.yaml`, of several tricks (`trick_files`) one file each. Optional: all
    but paper's data.yaml and a file of the model.

    `model` may also be one of OF_ALL_MODELS; None: the data layers alone. Raises ValueError, in one sentence, for a
    preset, model or trick that is not there, for a circle and for a file that holds another model's name.
    """
    root = project_root()
    presets = list(dict.fromkeys(["paper", *_chain(preset, _extended_by_preset, "presets")]))
    names = ["data"]
    if model in OF_ALL_MODELS:
        names.append(model)
    elif model is not None:
        names += ["training", *_chain(model, lambda name: _extended_by_model(name, model, presets), "models")]
    files = [Path("params") / layer / f"{name}.yaml" for layer in presets for name in names]
    files = [file for file in files if (root / file).is_file()]
    if model is not None and model not in OF_ALL_MODELS:
        _require_own_name(model, files)
    if fold is not None:
        files.append(Path("params") / "folds" / f"fold_{fold}.yaml")
    if trick is not None:
        files += trick_files(trick)
    return files


def approach_of(files: Iterable[str | Path]) -> str | None:
    """The approach whose file is among the layers of a model; None where the model extends none."""
    return next((Path(file).stem for file in files if Path(file).stem in APPROACHES), None)


def model_names(preset: str) -> list[str]:
    """The models that have a file in the folder of a preset, in alphabetical order."""
    names = (file.stem for file in (project_root() / "params" / preset).glob("*.yaml"))
    return sorted(name for name in names if name not in NOT_MODELS)


def runs_benchmarks(preset: str, source: str) -> bool:
    """Whether `make report` runs notebook 12: own data asks for it with a params/<preset>/benchmarks.yaml."""
    asked = project_root() / "params" / preset / "benchmarks.yaml"  # paper has one
    return source == "pipesim" or asked.is_file()


def runs_weak(preset: str) -> bool:
    """Whether `make report` runs notebook 09: a preset asks for it with weak_in_report in its own weak.yaml."""
    own = Path("params") / preset / "weak.yaml"  # not by what it extends: it takes minutes
    return (project_root() / own).is_file() and bool(read_yaml(project_root() / own).get("weak_in_report"))


def _chain(name: str, extended_by: Callable[[str], str | None], kind: str) -> list[str]:
    """What `name` extends, the oldest first, and itself."""
    chain: list[str] = []
    following: str | None = name
    while following is not None:
        if following in chain:
            circle = " -> ".join([*chain[chain.index(following) :], following])
            raise ValueError(f"params/: {kind} extend each other in a circle, {circle}: take one 'extends' out")
        chain.append(following)
        following = extended_by(following)
    return chain[::-1]


def _extended_by_preset(preset: str) -> str | None:
    require_preset_name(preset)
    data = Path("params") / preset / "data.yaml"
    if not (project_root() / data).is_file():
        there = sorted(p.parent.name for p in (project_root() / "params").glob("*/data.yaml"))
        raise ValueError(f"preset '{preset}' has no {data}; presets are {', '.join(there)}")
    return read_yaml(project_root() / data).get("extends") if preset != "paper" else None


def _extended_by_model(name: str, wanted: str, presets: Sequence[str]) -> str | None:
    """What the file of a model or approach extends; `wanted`: the model that the chain began with."""
    if name not in APPROACHES:
        require_model_name(name)
    files = [project_root() / "params" / preset / f"{name}.yaml" for preset in presets]
    files = [file for file in files if file.is_file()]
    if not files:
        there = ", ".join(dict.fromkeys(model for preset in presets for model in model_names(preset)))
        if name != wanted:
            raise ValueError(f"model '{wanted}' extends '{name}', which is no approach or model; models are {there}")
        raise ValueError(f"no parameter file for model '{wanted}'; models are {there}")
    file = file_with("extends", files)
    return read_yaml(file)["extends"] if file else None


def _require_own_name(model: str, files: Sequence[Path]) -> None:
    """A model that extends another, without a name of its own, would write over the other's runs."""
    file = file_with("model", files)
    name = read_yaml(file)["model"] if file else model
    if name != model:
        raise ValueError(f"{file}: model is '{name}', not '{model}': write model: {model} in the file {model}.yaml")


def trick_files(trick: str) -> list[Path]:
    """The files of one trick or of several laid on a model together, `no_ema+no_flip`; relative to the project root.

    Several stand in alphabetical order, so that what is the same has one name. Raises ValueError for another order, for
    a trick that has no file and for two that set the same key to different values.
    """
    names = trick.split(TRICKS)
    if names != sorted(set(names)):
        raise ValueError(f"tricks '{trick}': write each once, in alphabetical order: {TRICKS.join(sorted(set(names)))}")
    files = [Path("params") / "tricks" / f"{require_file_name('trick', name)}.yaml" for name in names]
    for name, file in zip(names, files, strict=True):
        if not (project_root() / file).is_file():
            raise ValueError(f"trick '{name}' has no {file}; tricks are {', '.join(trick_names()) or 'none yet'}")
    for k, file in enumerate(files):
        before = read_layers(files[:k])
        for key, value in read_yaml(file).items():
            if before.get(key, value) != value:
                raise ValueError(f"tricks '{trick}': {file_with(key, files[:k])} and {file} both set {key}")
    return files


def trick_names() -> list[str]:
    """The tricks that have a file, in alphabetical order."""
    return sorted(file.stem for file in (project_root() / "params" / "tricks").glob("*.yaml"))


@functools.cache  # by the text: one file is a layer of many runs
def _load(text: str) -> Any:
    return yaml.load(text, _FlatFile)


def _keep_as_written(node: yaml.Node) -> None:
    """Make text of every value that stands there without quotes; null stays null."""
    if isinstance(node, yaml.ScalarNode):
        if node.style is None and node.tag != "tag:yaml.org,2002:null":
            node.tag = "tag:yaml.org,2002:str"
    else:
        for item in node.value:
            for inner in item if isinstance(item, tuple) else (item,):
                _keep_as_written(inner)


class _FlatFile(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, but names and paths stay as written, and a key given twice is an error."""

    def get_single_node(self) -> yaml.Node | None:
        root = super().get_single_node()
        for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
            if key.value in TEXT:
                _keep_as_written(value)
        return root

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.YAMLError(f"'{key}' is given twice, the second time in line {key_node.start_mark.line + 1}")
            seen.add(key)
        return super().construct_mapping(node, deep)
