# One command each; every one sets up .venv by itself the first time (1 to 3 minutes) and when the lock has changed.
#   make report                 the whole report on synthetic clips (preset demo, 9 to 14 minutes on 2 cores)
#   make report PRESET=smoke    the same in about 4 minutes, too small to tell a model from chance
#   make report PRESET=mytown   own data: params/mytown/data.yaml says where it is
#   make report TRICK=no_ema    besides, every model with a trick of params/tricks (or several, TRICK="no_ema no_flip")
#   make predict VIDEOS=folder  new clips by the demo's ensemble: probabilities, and a page to look at (outputs/demo/review)
#   make predict VIDEOS=folder RUN=mytown    by another preset, the folder of a run, or one that make export has packed
#   make export RUN=demo OUT=folder   weights, parameters, classes, calibration and a model card as one folder
#   make corrections PRESET=mytown REVIEW=folder CSV=file    what its page exported, with the labels there were: preset mytown_next
#   make rehearse PRESET=paper  before GPU days: every model through its notebook for a few updates, with a table
#   make report PRESET=paper PROFILE=slurm   the same on a cluster (workflow/profiles)
#   make status PRESET=paper    what is done, running, failed or out of date, and why; ARGS=--resources lists every job
#   make dag PRESET=paper       the same as a picture: outputs/paper/dag.svg
#   make test-slurm             the workflow on a real Slurm, which it installs (Debian or Ubuntu, as root)
#   make test                   lint and tests      make test-full   the slow ones too
#   make lab                    JupyterLab          make lint        ruff alone
#   make benchmarks             notebook 12 with clips of full size, 720p and 1080p (20 minutes): outputs/full/
#   make sight                  the grid of notebook 13: when do super-images pay? (about an hour and a half on 2 cores)
#   make evidence               how well evidence points, against PipeSim's truth, after make report (a quarter of an hour)
#   make bench                  every trick of the paper, planned in params/bench/plan.yaml (hours; goes on where it stopped)
#   make bench TOGETHER=16      the same on one large GPU, sixteen runs at a time
#   make leakage                what sibling clips buy: the bench's recipe on folds that tear recordings apart (40 minutes)
#   make weak                   notebook 09 with three repetitions, and its record (an hour)
#   make clean                  remove what runs wrote to outputs/PRESET and the tools' caches; it lists what goes and what stays
#   make lock                   compile requirements.lock anew from pyproject.toml
PRESET ?= demo
# Tricks of params/tricks that every model of the preset is trained with besides, as in TRICK="no_ema no_flip".
TRICK ?=
# Where jobs run: default is this machine, slurm a cluster (workflow/profiles).
PROFILE ?= default
# Jobs at a time; a training run is one job on one core, or on one GPU where there are any. Empty: one a core.
JOBS ?=
# Of make bench: runs at a time that share one GPU, in processes of one script, without notebooks. Empty: as everywhere.
TOGETHER ?=
# New clips: a folder or a list of paths; a preset, a run's folder or a packed model; the review's name, if not the folder's.
VIDEOS ?=
RUN ?= demo
NAME ?=
OUT ?=
export PRESET TRICK PROFILE VIDEOS RUN NAME OUT
# Of make corrections: the review, what its page exported, and the name of the preset to write (else PRESET_next).
REVIEW ?=
CSV ?=
NEXT ?=
export REVIEW CSV NEXT
# Handed on to Snakemake (report), pytest (test) or JupyterLab (lab), as in make report ARGS="--dry-run".
ARGS ?=

jobs = $(if $(JOBS),--jobs "$(JOBS)")
together = $(if $(TOGETHER),--together "$(TOGETHER)")
bin := .venv/bin
ready := .venv/.ready
# A home folder and a name for users who have none.
at_home := $(bin)/python workflow/home.py

.PHONY: help report predict export corrections status dag rehearse benchmarks sight evidence bench leakage weak
.PHONY: test test-full test-slurm lab lint clean lock setup
help:
	@sed -n '2,/^PRESET/{/^#/s/^# *//p;}' Makefile

setup: $(ready)
$(ready): pyproject.toml requirements.lock workflow/setup.sh
	@bash workflow/setup.sh

report: $(ready)
	@$(bin)/python workflow/run.py --preset="$$PRESET" --trick="$$TRICK" --profile="$$PROFILE" $(jobs) -- $(ARGS)

predict: $(ready)
	@$(bin)/python workflow/review.py --videos="$$VIDEOS" --run="$$RUN" --name="$$NAME" --out="$$OUT" $(ARGS)

export: $(ready)
	@$(bin)/python workflow/export.py --run="$$RUN" --out="$$OUT" $(ARGS)

corrections: $(ready)
	@$(bin)/python workflow/corrections.py --preset="$$PRESET" --review="$$REVIEW" --csv="$$CSV" --next="$$NEXT"

status: $(ready)
	@$(at_home) $(bin)/python workflow/status.py --preset="$$PRESET" --trick="$$TRICK" $(ARGS)

dag: $(ready)
	@$(at_home) $(bin)/python workflow/status.py --preset="$$PRESET" --trick="$$TRICK" --picture $(ARGS)

rehearse: $(ready)
	@$(at_home) $(bin)/python workflow/rehearse.py --preset="$$PRESET" $(ARGS)

benchmarks: $(ready)
	@$(bin)/python workflow/run.py --preset=full --jobs 1 -- --until benchmarks --forcerun benchmarks $(ARGS)

sight: $(ready)
	@$(at_home) $(bin)/python workflow/sight.py --profile="$$PROFILE" $(jobs) -- $(ARGS)

bench: $(ready)
	@$(at_home) $(bin)/python workflow/bench.py --preset="$(or $(filter-out demo,$(PRESET)),bench)" --profile="$$PROFILE" $(jobs) $(together) -- $(ARGS)

leakage: $(ready)
	@$(at_home) $(bin)/python workflow/leakage.py --profile="$$PROFILE" $(jobs) -- $(ARGS)

weak: $(ready)
	@$(at_home) $(bin)/python workflow/weak.py --profile="$$PROFILE" $(jobs) -- $(ARGS)

evidence: $(ready)
	@$(at_home) $(bin)/python workflow/evidence.py $(ARGS)

lint: $(ready)
	@$(bin)/ruff check .

# Two workers of one thread each: one runs the whole report at smoke scale, the other everything else.
pytest := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(at_home) $(bin)/python -m pytest -n 2
test: lint
	@$(pytest) $(ARGS)

test-full: lint
	@$(pytest) -m "" $(ARGS)

test-slurm: $(ready)
	@command -v slurmctld >/dev/null || [ -x /usr/sbin/slurmctld ] || apt-get install -y --no-install-recommends slurm-wlm munge
	@$(at_home) $(bin)/python -m pytest -m "" tests/workflow/test_slurm.py $(ARGS)

# VPIPE_LAB: a person runs these notebooks, so they may show what needs a person (vpipe_utils/review/browser/lab.py).
lab: $(ready)
	@VPIPE_LAB=1 $(at_home) $(bin)/jupyter lab $(ARGS)

clean:
	@$$(command -v python3 || echo $(bin)/python) workflow/clean.py "$$PRESET"

lock: $(ready)
	@test -x .venv/uv/bin/uv || $(bin)/python -m pip install --quiet --target .venv/uv uv
	.venv/uv/bin/uv pip compile --universal --python-version 3.11 --fork-strategy fewest --extra test --extra peers \
		--extra weights --extra weak pyproject.toml -o requirements.lock --no-emit-index-url
