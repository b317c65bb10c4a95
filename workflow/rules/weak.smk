# Notebook 09, for a preset that asks for it: weak supervision on the first fold, beside runs of notebooks 03 and 05 with
# as many repetitions.

BESIDE = PLAN.weak_beside() if PLAN.with_weak else []


rule weak:
    input:
        training_clips,
        rules.data.output.videos,
        PLAN.held_out,
        [run / name for run in BESIDE for name in ("metrics.json", "val_predictions.parquet", "test_predictions.parquet")],
        deciding_files(notebook("weak"), WEAK),
        notebook=notebook("weak"),
    output:
        notebook=executed("weak"),
    log: **logs(NOTEBOOKS["weak"])
    threads: TRAIN_THREADS
    resources:
        gpu=1,
        mem_mb=lambda _: PLAN.memory(*PLAN.weak_reference),
    params:
        values=lambda _: PLAN.values_of_weak(),
    shell:
        NOTEBOOK + f"--model weak --threads {TRAIN_THREADS} --gpus 1"
