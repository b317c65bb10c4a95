"""What predicts: an ensemble of a preset, one run, or a folder that `make export` has packed, described alike.

All of it is a folder `<root>/runs/<approach>/<model>/fold_<k>/` with `params.yaml` and `weights.safetensors`, and a
weight for each member. Everything is checked here, before the first clip is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vpipe_utils.data.params import DataParams
from vpipe_utils.data.prepared_tables import read_folds, read_labels
from vpipe_utils.data.probe_journal import content_hash
from vpipe_utils.evaluation.member_weights import weights_of
from vpipe_utils.evaluation.params import EnsembleParams
from vpipe_utils.evaluation.scores import find_runs, validation_predictions
from vpipe_utils.learning.params import KINDS, TrainParams
from vpipe_utils.project.parameter_files import read_layers
from vpipe_utils.project.paths import APPROACHES, Layout, project_root, resolve
from vpipe_utils.storage.tables import read_json
from vpipe_utils.tiles.tile_writer import Settings

MANIFEST = "model.json"  # of a packed model
FORMAT = 2  # of packed models: raise it when an older `make predict` cannot read a newer one
NETWORKS = "networks"  # the folder of a packed model that has runs/
WEIGHTS, PARAMS = "weights.safetensors", "params.yaml"
PICKLED = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle")  # formats that may run code when they are opened


@dataclass(frozen=True)
class Member:
    """One model of an ensemble: its runs predict, and their mean counts by `weight`, a share of 1."""

    name: str  # approach/model
    weight: float
    runs: tuple[Path, ...]  # a folder a fold


@dataclass(frozen=True)
class Trained:
    """Everything that makes probabilities of tiles."""

    name: str  # the preset's, or that and the run's
    kind: str  # "ensemble", "run" or "packed"
    folder: Path  # of the preset's outputs, the run or the pack
    members: tuple[Member, ...]
    data: DataParams  # of the runs: classes, sizes of tiles
    zc_threshold: float | None  # of the ZC rule (`evaluation.ensemble.zc_rule`); None: no rule

    @property
    def classes(self) -> tuple[str, ...]:
        return self.data.class_codes

    @property
    def tiles(self) -> Settings:
        """Which tiles of a clip there must be, so that all members find theirs."""
        data = self.data
        return Settings(data.cache_frames, data.cache_run, data.tile_size, data.tile_format)


def find_trained(run: str, outputs: str | None = None) -> Trained:
    """The preset, run or packed model that `run` names. Raises ValueError or FileNotFoundError, one sentence each.

    `outputs`: another folder for the outputs of presets.
    """
    path = resolve(run)
    if path.is_file():
        path = _folder_of_file(path)
    if (path / MANIFEST).is_file():
        return _packed(path)
    if (path / PARAMS).is_file() or path.name.startswith("fold_"):
        return _one_run(path)
    if path.is_dir() and (path / "runs").is_dir() and path.parent.name:  # outputs/<preset>
        return _ensemble(path.name, str(path.parent))
    if (project_root() / "params" / run / "data.yaml").is_file():
        return _ensemble(run, outputs)
    there = sorted(file.parent.name for file in (project_root() / "params").glob("*/data.yaml"))
    raise ValueError(
        f"RUN={run} is no preset ({', '.join(there)}), no folder of a run (outputs/<preset>/runs/.../fold_0) and no "
        f"folder that make export has packed ({MANIFEST} is not in it)"
    )


def run_params(folder: Path) -> TrainParams:
    """The parameters that a run has kept, checked; the approach is the name of the folder above its model."""
    approach = folder.parents[1].name if len(folder.parents) > 1 else ""
    if approach not in APPROACHES:
        raise ValueError(f"{folder} is no run: it lies in no folder runs/<{'|'.join(APPROACHES)}>/<model>/fold_<k>")
    for name in (PARAMS, WEIGHTS):
        if not (folder / name).is_file():
            others = [file.name for file in sorted(folder.glob("*")) if file.suffix in PICKLED]
            more = f"; {others[0]} is not taken: weights are read from safetensors alone" if others else ""
            raise FileNotFoundError(f"{folder / name} is not there: this run is not finished; train it first{more}")
    values = read_layers([folder / PARAMS]) | {"pretrained": False}
    needed = {name for name, field in KINDS[approach].model_fields.items() if field.is_required()}
    if missing := sorted(needed - values.keys()):
        raise ValueError(
            f"{folder / PARAMS} is of an older version of VPipe, which had no {', '.join(missing)}: "
            "train this run again"
        )
    return KINDS[approach].from_values(values, str(folder / PARAMS))


def layout_of(folder: Path) -> Layout:
    """Where the preset of a run has everything else."""
    root = folder.parents[3]
    return Layout(root.parent, root.name)


def require_alike(members: Sequence[Member]) -> None:
    """Raise ValueError where members have other classes or tiles than the first: their mean would mean nothing."""
    first: tuple[Path, TrainParams] | None = None
    for folder in (run for member in members for run in member.runs):
        params = run_params(folder)
        if first is None:
            first = (folder, params)
            continue
        if params.class_codes != first[1].class_codes:
            odd = sorted(set(params.class_codes) ^ set(first[1].class_codes)) or ["in another order"]
            raise ValueError(f"{folder} has other classes than {first[0]} ({', '.join(odd)}): predict them one by one")
        for key in Settings._fields:
            here, there = getattr(params, key), getattr(first[1], key)
            if here != there:
                raise ValueError(
                    f"{folder} was trained with {key} {here}, {first[0]} with {there}: train one of them again, or "
                    "predict by them one by one"
                )


def _ensemble(preset: str, outputs: str | None) -> Trained:
    params = EnsembleParams.from_preset(preset, outputs)
    layout, classes = params.layout, list(params.class_codes)
    try:
        runs = find_runs(params)
    except ValueError:
        raise ValueError(f"preset '{preset}' has no finished run: make report PRESET={preset} first") from None
    labels = read_labels(layout, classes)
    validation = validation_predictions(runs, read_folds(layout, labels, params.n_folds), classes)
    weights = weights_of(params, validation, labels)
    if not weights:
        raise ValueError(f"no member of ensemble_models of preset '{preset}' has a finished run: make report first")
    folders = runs[runs["finished"]].groupby("name")["folder"].agg(tuple)
    members = tuple(Member(name, weight, folders[name]) for name, weight in weights.items())
    require_alike(members)
    data = run_params(members[0].runs[0])
    rule = params.zc_threshold if params.normal_class in classes else None
    return Trained(preset, "ensemble", layout.root, members, data, rule)


def _one_run(folder: Path) -> Trained:
    params = run_params(folder)
    member = Member(f"{params.approach}/{params.name.recipe}", 1.0, (folder,))
    name = f"{folder.parents[3].name}.{params.approach}.{params.name.recipe}.{params.name.part}"
    return Trained(name, "run", folder, (member,), params, None)


def _packed(folder: Path) -> Trained:
    manifest = read_json(folder / MANIFEST)
    try:
        version, given = manifest["format"], manifest["members"]
        if version != FORMAT:
            raise ValueError(
                f"{folder} is packed in format {version}, this version of VPipe reads format {FORMAT}: pack it again "
                "with make export, by the version that predicts"
            )
        members = tuple(
            Member(each["name"], float(each["weight"]), tuple(folder / NETWORKS / run for run in each["runs"]))
            for each in given
        )
        digests, classes = dict(manifest["sha256"]), tuple(manifest["classes"])
        rule, name = manifest["zc_threshold"], str(manifest["name"])
        networks = {f"{NETWORKS}/{run}/{file}" for each in given for run in each["runs"] for file in (PARAMS, WEIGHTS)}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{folder / MANIFEST} is no packed model of VPipe ({error!r}): pack it with make export"
        ) from None
    for file in sorted(digests.keys() | networks):
        path = folder / file
        if path.suffix in PICKLED:
            raise ValueError(f"{path}: weights are read from safetensors alone")
        if not path.is_file() or content_hash(path) != digests.get(file):
            raise ValueError(f"{path} is missing or not the file that was packed: copy or pack the model again")
    require_alike(members)
    data = run_params(members[0].runs[0])
    if data.class_codes != classes:
        raise ValueError(f"{folder}: {MANIFEST} and the networks have other classes: pack the model again")
    return Trained(name, "packed", folder, members, data, rule)


def _folder_of_file(path: Path) -> Path:
    if path.suffix in PICKLED:
        raise ValueError(f"{path}: weights are read from safetensors alone, this format could run code when opened")
    return path.parent
