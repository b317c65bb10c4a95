# Notebooks 03 to 05, one job a model and fold, and what the trained models say of the clips without labels.


def training_clips(_):
    """All that training sees of the data, as a digest: clips without labels, however many come, train nothing."""
    return checkpoints.folds.get().output.training_clips


MODEL = f"{ROOT}/runs/{{approach}}/{{model}}"
RUN = f"{MODEL}/fold_{{fold}}"


wildcard_constraints:
    approach="frame|video|super_image",
    model=r"\w[\w-]*(\+\w[\w-]*)*",  # with its tricks
    fold=r"\d+(_\d+)?",  # with its repetition


rule train:
    input:
        training_clips,
        deciding_files(TRAINING_ENTRY, TRAINING),
        notebook=lambda wildcards: ancient(notebook(wildcards.approach)),  # its code counts, below; its text does not
    output:
        [f"{RUN}/{name}" for name in TRAINED],
        notebook=f"{RUN}/notebook.ipynb",
    log: **logs("{approach}.{model}.fold_{fold}")
    threads: threads_of
    resources:
        gpu=devices_of,
        mem_mb=memory_of,
        runtime=minutes_of,
    params:
        values=lambda wildcards: PLAN.values_of_training(wildcards.model, wildcards.fold),
        code=lambda wildcards: code_digest(wildcards.approach),
        run=lambda wildcards: job_words(wildcards.model, wildcards.fold),
    shell:
        NOTEBOOK + "{params.run} --threads {threads} --gpus {resources.gpu}"


rule predict:
    input:
        f"{RUN}/weights.safetensors",
        rules.data.output.videos,
        rules.data.output.tiles,
        deciding_files(TRAINING_ENTRY, TRAINING),
        script="workflow/predict.py",
    output:
        f"{RUN}/test_predictions.parquet",
    log:
        LOGS / "predict.{approach}.{model}.fold_{fold}.log",
    threads: threads_of
    resources:
        gpu=1,
        mem_mb=memory_of,
        runtime=minutes_to_predict,
    shell:
        f"exec {word(sys.executable)} {{input.script}} --root {word(ROOT.resolve())} --threads {{threads}} --gpus 1 "
        "--log {log:q} {output:q}"
