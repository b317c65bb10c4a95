"""Weight files as others save them: read whole where nothing in them runs, refused with the reason elsewhere."""

from __future__ import annotations

import argparse
import functools
import http.server
import pickle
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from vpipe_utils.learning.weights.files import Refused, fetch, read_state

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2, dtype=torch.bfloat16)}


class Calls:
    """Pickles as a call of a function, as a hostile file does."""

    def __init__(self, function: Callable, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


def same(state: dict[str, Tensor]) -> bool:
    return list(state) == list(STATE) and all(torch.equal(state[name], value) for name, value in STATE.items())


@pytest.fixture(scope="module")
def mmengine_checkpoint() -> dict:
    """What mmengine's runner saves: weights, message hub with scores, optimizer, schedulers, configuration."""
    from mmengine.config import ConfigDict
    from mmengine.logging import MessageHub

    hub = MessageHub.get_instance("of a test")
    hub.update_scalar("train/loss", 0.7)
    hub.update_scalar("val/acc", np.float64(0.8))
    hub.update_info("best", np.float32(0.9))
    parameter = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.AdamW([parameter])
    parameter.sum().backward()
    optimizer.step()
    return {
        "meta": {"epoch": 30, "cfg": ConfigDict(model={"type": "Recognizer3D"}), "seed": np.random.randint(2**31 - 1)},
        "state_dict": STATE,
        "message_hub": hub.state_dict(),
        "optimizer": optimizer.state_dict(),
        "param_schedulers": [{"last_step": np.int64(3), "betas": np.linspace(0, 1, 3)}],
    }


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_of_openmmlab_with_scores_and_optimizer(mmengine_checkpoint: dict, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "epoch_30.pth"
    torch.save(mmengine_checkpoint, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(pickle.UnpicklingError, match="weights_only"):
        torch.load(path, weights_only=True)  # which is why it was refused
    assert same(read_state(path))


@pytest.mark.parametrize("key", ["state_dict_ema", "model_ema", "state_dict", "model", None])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_where_weights_lie(key: str | None, prefix: str, tmp_path: Path) -> None:
    state = {prefix + name: value for name, value in STATE.items()}
    others = {"epoch": 3, "args": argparse.Namespace(model="a"), "metric": np.float64(0.5), "home": Path("/data")}
    torch.save({key: state, **others} if key else state, tmp_path / "a.pth")
    assert same(read_state(tmp_path / "a.pth"))
    if key in ("state_dict_ema", "model_ema"):  # timm's training script keeps both: the average comes first
        raw = {name: value + 1 for name, value in state.items()}
        torch.save({"state_dict": raw, key: state}, tmp_path / "a.pth")
        assert same(read_state(tmp_path / "a.pth"))


def test_safetensors(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "a.safetensors")
    state = read_state(tmp_path / "a.safetensors")
    assert same({name: state[name] for name in STATE})


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_file_runs(zipped: bool, tmp_path: Path) -> None:
    """Of a class that may lie beside weights a stand-in is made; of any other the file is refused."""
    sign = tmp_path / "run.npy"
    harmless = Calls(np.save, str(sign), 1)  # a file's writer can put any call of NumPy's into it
    torch.save({"state_dict": STATE, "x": harmless}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    assert same(read_state(tmp_path / "a.pth"))
    for function, name in (
        (eval, r"builtins\.eval"),
        (functools.partial, r"functools\.partial"),
        (subprocess.run, r"subprocess\.run"),
        (torch.hub.load, r"torch\.hub\.load"),
    ):
        call = Calls(function, f"open({str(sign)!r}, 'w')")
        torch.save({"state_dict": STATE, "x": call}, tmp_path / "b.pth", _use_new_zipfile_serialization=zipped)
        with pytest.raises(Refused, match=rf"b\.pth holds more than weights: to read it would run {name}, which"):
            read_state(tmp_path / "b.pth")
    assert not sign.exists()


def test_the_way_out_of_a_refusal_works(tmp_path: Path) -> None:
    path = tmp_path / "with fraction.pth"
    torch.save({"state_dict": STATE, "share": Fraction(1, 3)}, path)
    with pytest.raises(Refused, match=r"fractions\.Fraction") as refusal:
        read_state(path)
    command = re.search(r"\((python -c .*)\) and set checkpoint to (.*)$", str(refusal.value))
    subprocess.run([sys.executable, *shlex.split(command[1])[1:]], check=True)
    assert same(read_state(Path(command[2])))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_newer_pickle_is_refused_for_what_it_is(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE, "share": Fraction(1, 3)}, tmp_path / "a.pth", pickle_protocol=4)
    with pytest.raises(Refused, match="holds more than weights.*a pickle protocol above 2"):
        read_state(tmp_path / "a.pth")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_no_weight_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    whole = tmp_path / f"whole{suffix}"
    save_file(STATE, whole) if suffix == ".safetensors" else torch.save(STATE, whole)
    for content in (b"", b"<!DOCTYPE html><p>Not found", whole.read_bytes()[:-40], b"\0" * 4000):
        path.write_bytes(content)
        with pytest.raises(Refused, match=rf"a{suffix} is no whole weight file \(.*\): fetch it again"):
            read_state(path)
    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "scores.pth")
    with pytest.raises(Refused, match="scores.pth holds no weights: under its names epoch, loss lies no tensor"):
        read_state(tmp_path / "scores.pth")


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path, list[str]]]:
    """Address and folder of a server, and the paths it was asked for; downloads go to a folder of the test."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    folder, asked = tmp_path / "served", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *arguments: object) -> None:
            asked.append(self.path)

        def log_error(self, *arguments: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder, asked
    server.shutdown()
    server.server_close()


def test_a_url_is_downloaded_once_and_read_as_safely(
    served: tuple[str, Path, list[str]], mmengine_checkpoint: dict, tmp_path: Path
) -> None:
    address, folder, asked = served
    torch.save(mmengine_checkpoint, folder / "a.pth")
    torch.save({"state_dict": STATE, "x": Calls(eval, "1")}, folder / "b.pth")
    for _ in range(2):
        assert same(read_state(fetch(f"{address}/a.pth")))
    assert asked == ["/a.pth"]
    with pytest.raises(Refused, match="builtins.eval"):
        read_state(fetch(f"{address}/b.pth"))
    with pytest.raises(OSError, match="404"):
        fetch(f"{address}/none.pth")


def test_runs_that_begin_at_once_fetch_once(served: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    address, folder, asked = served
    torch.save(STATE, folder / "a.pth")
    cache = tmp_path / "cache/hub/checkpoints"
    cache.mkdir(parents=True)
    (cache / "a.pth.0123.partial").write_bytes(b"of a process that was killed")
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: fetch(f"{address}/a.pth"), range(8)))
    assert asked == ["/a.pth"] and set(paths) == {cache / "a.pth"}
    assert not list(cache.glob("*.partial"))


def test_a_hash_in_the_name_is_checked(served: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    address, folder, _ = served
    torch.save(STATE, folder / "a.pth")
    right = sha256((folder / "a.pth").read_bytes()).hexdigest()[:8]
    (folder / f"a_20220930-{right}.pth").write_bytes((folder / "a.pth").read_bytes())
    (folder / "a-0123456f.pth").write_bytes((folder / "a.pth").read_bytes())
    assert same(read_state(fetch(f"{address}/a_20220930-{right}.pth")))
    with pytest.raises(RuntimeError, match='invalid hash value .expected "0123456f"'):
        fetch(f"{address}/a-0123456f.pth")
    (folder / "mymodel-20230415.pth").write_bytes((folder / "a.pth").read_bytes())
    assert same(read_state(fetch(f"{address}/mymodel-20230415.pth"))), "a date is no hash"
    left = {path.name for path in (tmp_path / "cache").rglob("a-0123456f*")}
    assert left == {"a-0123456f.pth.lock"}, "nothing half-checked is left to be read later"
