"""The clips from which a reader learns most: those on which a model is most sure, and wrong."""

from __future__ import annotations

import pandas as pd

from vpipe_utils.user_files.user_text import in_markdown

FALSE_ALARM, MISSED = "false alarm", "missed"  # a class that is not there, and one that is
EACH = 3  # of both kinds, as many as fit beside each other on a page


def most_sure_errors(truth: pd.DataFrame, probabilities: pd.DataFrame, each: int = EACH) -> pd.DataFrame:
    """The highest probabilities of classes that are not there, and the lowest of classes that are.

    ``truth``, ``probabilities``: the same clips (index) and classes (columns). Columns: video, class, probability,
    kind ('false alarm' or 'missed'). A clip and, within a kind, a class come once, so that one bad clip or class does
    not fill the page. Labels of people err, too: an error here may be one of theirs.
    """
    values = probabilities.loc[truth.index, truth.columns].rename_axis("video").rename_axis("class", axis=1)
    long = values.stack().rename("probability").reset_index()
    long["there"] = truth.rename_axis("video").rename_axis("class", axis=1).stack().to_numpy() == 1
    taken: set[str] = set()
    rows = []
    for kind, there in ((FALSE_ALARM, False), (MISSED, True)):
        classes: set[str] = set()
        of_kind = long[long["there"] == there].sort_values("probability", ascending=there, kind="stable")
        for row in of_kind.itertuples(index=False):
            video, code = row[0], row[1]
            if len(classes) < each and video not in taken and code not in classes:
                taken.add(video)
                classes.add(code)
                rows.append((video, code, float(row[2]), kind))
    return pd.DataFrame(rows, columns=["video", "class", "probability", "kind"])


def error_lines(errors: pd.DataFrame, truth: pd.DataFrame) -> str:
    """The errors as a Markdown list, in the order of the pictures."""
    lines = []
    for row in errors.to_dict("records"):
        labels = [in_markdown(code) for code in truth.columns if truth.loc[row["video"], code] == 1]
        said = f"**{row['kind']}**: {in_markdown(row['class'])} with {row['probability']:.2f}"
        lines.append(f"- {said} in {in_markdown(row['video'])}, labelled {', '.join(labels) or 'with no class'}")
    return "\n".join(lines) or "*There is no error to show.*"
