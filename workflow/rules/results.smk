# Notebooks 06, 10, 12 and 13, and the pages.

EVERY_RUN = PLAN.runs()
TRICK_RUNS = PLAN.trick_runs()  # beside them, compared with them fold by fold


rule ensemble:
    input:
        rules.data.output.videos,
        rules.data.output.labels,
        PLAN.held_out,
        LAYOUT.folds_table,
        [run / name for run in EVERY_RUN
         for name in ("metrics.json", "history.csv", "val_predictions.parquet", "test_predictions.parquet")],
        deciding_files(notebook("ensemble"), RESULTS),
        notebook=notebook("ensemble"),
    output:
        [LAYOUT.ensemble / name for name in ("metrics.json", "test_predictions.parquet", "submission.json",
                                             "scores.parquet", "per_class.parquet")],
        notebook=executed("ensemble"),
    log: **logs(NOTEBOOKS["ensemble"])
    params:
        values=lambda _: PLAN.values_of_results(),
    shell:
        NOTEBOOK + "--model ensemble"


rule report:
    input:
        rules.ensemble.output,
        rules.data.output.videos,
        PLAN.held_out,
        [run / name for run in EVERY_RUN for name in ("metrics.json", "history.csv")],
        PLAN.bench_tables(),
        PLAN.bench_tables("weak"),
        deciding_files(notebook("report"), RESULTS),
        notebook=notebook("report"),
    output:
        LAYOUT.headline / "headline.json",
        notebook=executed("report"),
    log: **logs(NOTEBOOKS["report"])
    params:
        values=lambda _: PLAN.values_of_results(),
    shell:
        NOTEBOOK + "--model ensemble"


# The clips without labels, as the runs have predicted them, in the order of a person's need to look: review/test/.
rule review:
    input:
        rules.data.output,
        LAYOUT.folds_table,
        [run / name for run in EVERY_RUN
         for name in ("weights.safetensors", "val_predictions.parquet", "test_predictions.parquet")],
        PLAN.evidence_record(),
        deciding_files(notebook("review"), REVIEW),
        sorted(map(str, Path("vpipe_utils/review/page/assets").glob("*"))),
        notebook=notebook("review"),
    output:
        notebook=executed("review"),
    log: **logs(NOTEBOOKS["review"])
    params:
        values=lambda _: PLAN.values_of_results(),
    shell:
        NOTEBOOK + "--model ensemble"


rule benchmarks:
    input:
        deciding_files(notebook("benchmarks"), BENCHMARKS),
        notebook=notebook("benchmarks"),
    output:
        [LAYOUT.costs_table.with_name(f"{name}.parquet") for name in ("costs", "reading", "loading")],
        notebook=executed("benchmarks"),
    log: **logs(NOTEBOOKS["benchmarks"])
    threads: TRAIN_THREADS
    resources:
        gpu=1,
        mem_mb=lambda _: PLAN.most_memory(),
    params:
        values=lambda _: PLAN.values_of_benchmarks(),
    shell:
        NOTEBOOK + f"--model benchmarks --threads {TRAIN_THREADS} --gpus 1"


# Shows a record that `make sight` has made, or the one in git; nothing of this preset's own runs.
rule sight:
    input:
        PLAN.sight_record(),
        deciding_files(notebook("sight"), RESULTS),
        notebook=notebook("sight"),
    output:
        notebook=executed("sight"),
    log: **logs(NOTEBOOKS["sight"])
    shell:
        NOTEBOOK


# Show what the paper's own figures can say and what `make bench` has found; nothing of this preset's own runs.
rule boosting:
    input:
        PLAN.bench_tables(),
        PLAN.coverage(),
        deciding_files(notebook("boosting"), RESULTS),
        notebook=notebook("boosting"),
    output:
        notebook=executed("boosting"),
    log: **logs(NOTEBOOKS["boosting"])
    shell:
        NOTEBOOK


rule lowering:
    input:
        PLAN.bench_tables(),
        deciding_files(notebook("lowering"), RESULTS),
        notebook=notebook("lowering"),
    output:
        notebook=executed("lowering"),
    log: **logs(NOTEBOOKS["lowering"])
    shell:
        NOTEBOOK


rule site:
    input:
        [executed(step) for step in ("data", "folds")],
        [run / name for run in EVERY_RUN for name in ("metrics.json", "notebook.ipynb")],
        rules.ensemble.output,
        rules.report.output,
        rules.review.output,
        rules.benchmarks.output if PLAN.with_benchmarks else [],
        rules.weak.output if PLAN.with_weak else [],
        rules.sight.output,
        rules.boosting.output,
        rules.lowering.output,
        sorted(str(file) for folder in ("workflow/site", "docs") for file in Path(folder).rglob("*")
               if file.suffix in {".py", ".md", ".css", ".js", ".svg", ".jpg"}),
    output:
        LAYOUT.report / "index.html",
    log:
        LOGS / "site.log",
    shell:
        f"exec {word(sys.executable)} workflow/site/build.py {word(ROOT)} --log {{log:q}}"
