"""The browser itself, made of ipywidgets, which come with JupyterLab's own files: nothing is asked of the network.

Only what is looked at is read: the list is made of tables, frames are read when their clip is shown, and a clip goes to
the player when a person asks for it.
"""

from __future__ import annotations

from ipywidgets import HTML, Box, Button, Dropdown, HBox, Layout, Select, Text, ToggleButtons, VBox, Video

from vpipe_utils.review.browser import markup
from vpipe_utils.review.browser.clips import KINDS, RIGHT, Clips, Row, listed
from vpipe_utils.review.browser.pictures import NotShownError, clip_file, nine_frames
from vpipe_utils.user_files.user_text import many

FRAMES, CLIP = "Nine frames", "Clip"  # the views, as the page of a review calls them
WAYS = ("‹ Previous", "Next ›")
MOST = 1000  # rows of the list: more than a person goes through, and a browser still scrolls them well


class ClipBrowser(VBox):
    """A list of clips with filters, and the chosen one beside it: picture or player, labels or bars of probability."""

    def __init__(self, clips: Clips, model: str = "") -> None:
        """``model``: of `clips.models`, whose probabilities are shown first; "" where there are none."""
        self.clips, self.rows, self.filling = clips, [], False
        self.words = Text(placeholder="Search by name", tooltip="Name", layout=_part(1.4, 150))
        classes = [(markup.shown(markup.class_name(clips, code)), code) for code in clips.classes]
        self.code = Dropdown(options=[("any class", ""), *classes], tooltip="Class", layout=_part(1.4, 150))
        kinds = [("all clips", ""), *((kind, kind) for kind in KINDS)]
        self.kind = Dropdown(options=kinds, tooltip="Kind of error", layout=_part(1, 120))
        models = [(markup.shown(name), name) for name in clips.models] or [("", "")]
        self.model = Dropdown(options=models, value=model, tooltip="Model", layout=_part(1.4, 150))
        self.count, self.head, self.classes = HTML(), HTML(), HTML(layout=_part(1.6, 290))
        self.list = Select(rows=22, tooltip="Clips in order", layout=Layout(width="auto"))
        self.view = ToggleButtons(options=[FRAMES, CLIP], style={"button_width": "auto"}, layout=Layout(width="auto"))
        self.previous, self.next = (Button(description=name, layout=Layout(width="auto")) for name in WAYS)
        self.picture = HTML(layout=Layout(width="100%"))
        self.stage = Box([self.picture], layout=Layout(width="auto"))
        filters = [self.words, self.code, *([self.kind, self.model] if clips.models else [])]
        row = Layout(flex_flow="row wrap", width="auto")
        side = VBox([self.count, self.list], layout=_part(1, 230))
        seen = VBox([self.head, HBox([self.previous, self.next, self.view], layout=row), self.stage])
        seen.layout = _part(2, 320)
        style = HTML(markup.STYLE, layout=Layout(display="none"))
        super().__init__([style, HBox(filters, layout=row), HBox([side, seen, self.classes], layout=row)])
        self.add_class(markup.ROOT_CLASS)
        for control in (self.words, self.code, self.kind):
            control.observe(lambda _: self.fill(), "value")
        self.model.observe(lambda _: self.fill(keep=True), "value")
        self.list.observe(lambda _: self.filling or self.show(), "index")
        self.view.observe(lambda _: self.draw(), "value")
        self.previous.on_click(lambda _: self.step(-1))
        self.next.on_click(lambda _: self.step(1))
        self.fill()

    @property
    def chosen(self) -> Row | None:
        return None if self.list.index is None else self.rows[self.list.index]

    def fill(self, keep: bool = False) -> None:
        """Make the list anew. With ``keep`` the same clip stays chosen, where it is in the list; else the first is."""
        place = self.chosen.place if keep and self.chosen else None
        found = listed(self.clips, self.model.value, self.code.value, self.kind.value, self.words.value)
        self.filling = True
        self.rows = found[:MOST]
        self.list.options = [(self.line(row), number) for number, row in enumerate(self.rows)]
        places = [row.place for row in self.rows]
        self.list.index = None if not places else places.index(place) if place in places else 0
        self.filling = False
        total = many(len(self.clips.facts), "clip")
        counted = total if len(found) == len(self.clips.facts) else f"{len(found):,} of {total}"
        cut = f"the first {MOST:,} of " if len(found) > MOST else ""
        order = ", most confident errors first" if self.model.value else ""
        self.count.value = f"<p class='dim'>{cut}{counted}{order}</p>"
        self.show()

    def line(self, row: Row) -> str:
        """A clip in the list, as text. Names may be long, so what it is there for comes first."""
        if not self.model.value:
            said = ", ".join(self.clips.labels_of(row.place)) or "no class"
        else:
            said = f"{row.kind} {row.code} {row.probability:.2f}" if self.speaks_of(row) else RIGHT
        return f"{markup.shown(said)} · {markup.shown(row.video)}"

    def speaks_of(self, row: Row) -> bool:
        """Whether a clip is in the list for one class: an error, or the class that was asked for."""
        return row.kind != RIGHT or bool(self.code.value)

    def step(self, by: int) -> None:
        """To the next clip of the list, or with -1 to the one before it."""
        if self.rows:
            self.list.index = min(len(self.rows) - 1, max(0, self.list.index + by))

    def show(self) -> None:
        """Show the chosen clip."""
        row = self.chosen
        self.previous.disabled = row is None or self.list.index == 0
        self.next.disabled = row is None or self.list.index == len(self.rows) - 1
        self.view.disabled = row is None
        self.head.value = self.classes.value = ""
        if row is not None:
            self.head.value = markup.head(self.clips, row.place)
            focus = row.code if self.speaks_of(row) else ""
            self.classes.value = markup.classes(self.clips, row.place, self.model.value, focus)
        self.draw()

    def draw(self) -> None:
        """Nine frames of the chosen clip, the clip in a player, or a sentence on why not."""
        old, content = self.stage.children, self.seen()
        if isinstance(content, str):
            self.picture.value, content = content, self.picture
        self.stage.children = [content]
        for player in (each for each in old if each is not self.picture):
            player.close()  # lets the bytes of its clip go

    def seen(self) -> str | Video:
        """HTML, or a player."""
        if self.chosen is None:
            return markup.sentence("No clip fits: choose another class, kind or name.")
        facts = self.clips.facts.iloc[self.chosen.place]
        try:
            if self.view.value == FRAMES:
                return markup.picture(self.chosen.video, nine_frames(facts))
            data, kind = clip_file(facts)
            return Video(value=data, format=kind, autoplay=True, loop=False, layout=self.picture.layout)
        except NotShownError as why:
            return markup.sentence(why)


def _part(share: float, least: int) -> Layout:
    """A part of a row: its share of the width, and at least so many pixels; below that it goes to the next line."""
    return Layout(flex=f"{share} 1 {least}px", width="auto", min_width="0")
