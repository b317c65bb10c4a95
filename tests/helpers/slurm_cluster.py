"""A real Slurm on this one machine, with GPUs that are names only: started, used, stopped, nothing left behind.

Needs Debian's slurm-wlm and munge, root, and no Slurm configuration of anybody else: Slurm's own plugins read
/etc/slurm, whatever the environment says.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

CONFIGURATION = Path("/etc/slurm")
OURS = "# of the tests of VPipe"
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "munged")


def why_not() -> str:
    """Why no cluster can be started here, in a sentence; empty where one can."""
    missing = [name for name in PROGRAMS if _which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed: apt-get install slurm-wlm munge"
    if os.getuid() != 0:
        return "Slurm's daemons and its configuration in /etc/slurm need root"
    found = CONFIGURATION / "slurm.conf"
    if found.is_file() and OURS not in found.read_text(encoding="utf-8"):
        return f"{found} is somebody else's: this machine has a cluster of its own"
    return ""


@contextlib.contextmanager
def one_node(folder: Path, gpus: int = 2, cpus: int | None = None) -> Iterator[None]:
    """A cluster of this machine alone; `folder`: where its daemons keep state and logs."""
    host = socket.gethostname()
    cpus = cpus or os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    CONFIGURATION.mkdir(exist_ok=True)
    # A "GPU" is any device file: Slurm hands its number out and sets CUDA_VISIBLE_DEVICES, which is what we look at.
    (CONFIGURATION / "gres.conf").write_text(f"{OURS}\nName=gpu File=/dev/tty[0-{gpus - 1}]\n")
    (CONFIGURATION / "cgroup.conf").write_text(f"{OURS}\n")
    (CONFIGURATION / "slurm.conf").write_text(f"""{OURS}
ClusterName=vpipe
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
MinJobAge=600
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
""")
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    munged = _start_munge()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # they write logs
    commands = [[_which("slurmctld"), "-D"], [_which("slurmd"), "-D", "-N", host]]
    daemons = [subprocess.Popen(command, **quiet) for command in commands]
    try:
        _wait_for_node(folder)
        yield
    finally:
        _empty_queue()
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
        if munged:
            os.kill(munged, signal.SIGTERM)
        for name in ("slurm.conf", "gres.conf", "cgroup.conf"):
            (CONFIGURATION / name).unlink(missing_ok=True)


def jobs(state: str = "all") -> dict[str, str]:
    """Numbers of the queue's jobs and their states."""
    done = subprocess.run(["squeue", "-h", "-t", state, "-o", "%i %T"], capture_output=True, text=True, check=True)
    return dict(line.split() for line in done.stdout.splitlines())


def comments() -> dict[str, str]:
    """Numbers of the running jobs and what Snakemake's plugin says they are: rule_train_wildcards_..."""
    done = subprocess.run(["squeue", "-h", "-t", "running", "-o", "%i %k"], capture_output=True, text=True, check=True)
    return dict(line.split(maxsplit=1) for line in done.stdout.splitlines())


def kill(job: int) -> None:
    """`kill -9` every process of a job."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"SLURM_JOB_ID={job}".encode() in path.read_bytes().split(b"\0"):
                os.kill(int(path.parent.name), signal.SIGKILL)


def _empty_queue() -> None:
    """Cancel what is left and wait for its end: a daemon that is told to stop waits for its jobs without an end."""
    subprocess.run(["scancel", "--user=root"], check=False, timeout=60)
    end = time.monotonic() + 60
    while time.monotonic() < end and jobs("pending,running,completing"):
        time.sleep(0.5)


def _start_munge() -> int | None:
    """Start the daemon that signs messages, if none runs; gives its process then."""
    if subprocess.run(["pgrep", "-x", "munged"], capture_output=True).returncode == 0:
        return None
    run = Path("/run/munge")
    run.mkdir(exist_ok=True)
    for place in (run, Path("/var/log/munge"), Path("/var/lib/munge"), Path("/etc/munge")):
        shutil.chown(place, "munge", "munge")
    run.chmod(0o755)
    subprocess.run(["su", "munge", "-s", "/bin/sh", "-c", _which("munged")], check=True)
    return int((run / "munged.pid").read_text())


def _wait_for_node(folder: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        done = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True)
        if done.stdout.strip() == "idle":
            return
        time.sleep(0.5)
    said = "".join(log.read_text(errors="replace")[-2000:] for log in sorted(folder.glob("*.log")))
    raise RuntimeError(f"the node did not come up in a minute ({done.stdout.strip()} {done.stderr.strip()}): {said}")


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
