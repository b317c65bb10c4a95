# Notebooks 01 and 02: the videos, their labels, the tile cache, the folds.

# Parts of a large data set, each a job of its own; rule data then finds their work and joins it.
scattergather:
    parts=PLAN.jobs,


rule part:
    input:
        deciding_files("workflow/prepare.py", DATA),
        script="workflow/prepare.py",
    output:
        f"{ROOT}/data/parts/{{scatteritem}}.json",
    log:
        LOGS / "01_part.{scatteritem}.log",
    threads: PLAN.data["workers"]
    params:
        values=lambda _: PLAN.values(),
        raw=lambda _: PLAN.raw_files(),
    shell:
        "TQDM_DISABLE=1 " + command("prepare.py") + " --part {wildcards.scatteritem} --done {output:q} > {log:q}"


rule data:
    input:
        gather.parts(f"{ROOT}/data/parts/{{scatteritem}}.json") if PLAN.jobs > 1 else [],
        deciding_files(notebook("data"), DATA),
        notebook=notebook("data"),
    output:
        PLAN.held_out,
        videos=LAYOUT.videos_table,
        labels=LAYOUT.labels_table,
        tiles=LAYOUT.tiles / "index.parquet",
        notebook=executed("data"),
    log: **logs(NOTEBOOKS["data"])
    threads: PLAN.data["workers"]
    priority: 1  # nearly everything waits for it
    params:
        values=lambda _: PLAN.values(),
        raw=lambda _: PLAN.raw_files(),
    shell:
        NOTEBOOK


# A checkpoint: only after it is it known whether the training clips have changed, or others alone.
checkpoint folds:
    input:
        rules.data.output,
        PLAN.bench_tables("leakage"),  # shown beside the folds
        deciding_files(notebook("folds"), DATA),
        notebook=notebook("folds"),
    output:
        folds=LAYOUT.folds_table,
        training_clips=LAYOUT.training_clips,
        notebook=executed("folds"),
    log: **logs(NOTEBOOKS["folds"])
    params:
        values=lambda _: PLAN.values(),
    shell:
        NOTEBOOK
