// The list of clips: filters, and only those rows in the page that can be seen.
VP.list = (function () {
  const ROW = 62; // px, as in page.css
  const MARGIN = 6; // rows drawn above and below what is seen
  const list = VP.byId("list");
  const rows = VP.byId("rows");
  const clips = REVIEW.clips;
  const names = clips.map((clip) => clip.video.normalize("NFKC").toLowerCase());
  const highest = clips.map((clip) => Math.max(0, ...(clip.p || []).filter((_, k) => k !== REVIEW.normal)));
  const control = Object.fromEntries(["query", "class", "status", "order", "score"].map((id) => [id, VP.byId(id)]));
  let shown = clips.map((_, index) => index);
  let current = -1;
  let onSelect = () => {};
  let drawn = new Map(); // place in the list -> its row

  function score(index) {
    const k = Number(control.class.value);
    if (!clips[index].p) return -1;
    return k < 0 ? highest[index] : clips[index].p[k];
  }

  const wanted = {
    all: () => true,
    watch: (clip) => clip.watch,
    open: (clip) => clip.watch && !VP.store.how(clip.video),
    done: (clip) => VP.store.how(clip.video) !== "",
    unreadable: (clip) => Boolean(clip.unreadable),
  };

  function filter() {
    performance.mark("vpipe-filter-start");
    const words = control.query.value.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean);
    const least = Number(control.score.value) / 100;
    const narrowed = Number(control.class.value) >= 0 || least > 0;
    const keep = wanted[control.status.value];
    shown = [];
    for (let index = 0; index < clips.length; index += 1) {
      if (!keep(clips[index]) || !words.every((word) => names[index].includes(word))) continue;
      if (narrowed && score(index) < Math.max(least, 1e-9)) continue;
      shown.push(index);
    }
    if (control.order.value === "score") shown.sort((a, b) => score(b) - score(a) || a - b);
    if (control.order.value === "name") shown.sort((a, b) => (names[a] < names[b] ? -1 : names[a] > names[b] ? 1 : a - b));
    VP.byId("score-value").textContent = least.toFixed(2);
    const all = shown.length === clips.length;
    VP.byId("count").textContent = all ? many(clips.length) : `${shown.length.toLocaleString("en")} of ${many(clips.length)}`;
    list.scrollTop = 0;
    redraw();
    reveal();
    performance.mark("vpipe-filter-end");
    performance.measure("vpipe-filter", "vpipe-filter-start", "vpipe-filter-end");
  }

  const many = (count) => `${count.toLocaleString("en")} clip${count === 1 ? "" : "s"}`;

  function redraw() {
    drawn.forEach((row) => row.remove());
    drawn = new Map();
    rows.style.height = shown.length * ROW + "px";
    draw();
  }

  function draw() {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - MARGIN);
    const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + MARGIN);
    drawn.forEach((row, place) => {
      if (place >= first && place < last) return;
      row.remove();
      drawn.delete(place);
    });
    for (let place = first; place < last; place += 1) {
      if (drawn.has(place)) continue;
      const row = rowOf(shown[place], place);
      drawn.set(place, row);
      rows.append(row);
    }
    const active = VP.byId("row-" + current);
    if (active) list.setAttribute("aria-activedescendant", active.id);
    else list.removeAttribute("aria-activedescendant");
  }

  function rowOf(index, place) {
    const clip = clips[index];
    const how = VP.store.how(clip.video);
    const thumb = VP.el("span", { class: "thumb", "aria-hidden": "true" });
    if (clip.sheet) thumb.style.backgroundImage = `url("${clip.sheet}")`; // the page's own name for it, a hash
    const line = VP.el("span", { class: "chips" });
    if (clip.unreadable) line.append(VP.el("span", { class: "bad", text: "cannot be read" }));
    else chips(clip).forEach((chip) => line.append(chip));
    const state = how ? { agreed: "✓", corrected: "✎" }[how] : clip.watch ? "●" : "";
    const said = how || (clip.watch ? "to watch" : "");
    const row = VP.el(
      "div",
      {
        class: "clip-row" + (how ? " done" : ""), id: "row-" + index, role: "option",
        "aria-selected": String(index === current), "aria-setsize": shown.length, "aria-posinset": place + 1,
        onclick: () => select(index, true),
      },
      thumb,
      VP.el("span", { class: "text" }, VP.text("bdi", clip.video, { class: "video", title: VP.shown(clip.video) }), line),
      VP.el("span", { class: "state " + (how || "watch"), title: said, role: "img", "aria-label": said || "not on the list to watch", text: state })
    );
    row.style.transform = `translateY(${place * ROW}px)`;
    return row;
  }

  function chips(clip) {
    const marked = VP.marked(clip).sort((a, b) => clip.p[b] - clip.p[a]);
    if (!marked.length) return [VP.el("span", { class: "none", text: "nothing proposed" })];
    return marked.slice(0, 4).map((k) => {
      const seen = (clip.evidence || []).find((each) => each.class === k);
      const chip = VP.el("span", { class: "chip" + (k === REVIEW.normal ? " normal" : "") });
      chip.append(VP.text("b", VP.codes[k]), " " + VP.number(clip.p[k]));
      if (seen) chip.append(VP.el("span", { class: "at", text: " " + VP.time(seen.at[0]) }));
      return chip;
    });
  }

  function select(index, byHand) {
    current = index;
    drawn.forEach((row, at) => row.setAttribute("aria-selected", String(shown[at] === index)));
    reveal();
    onSelect(index, Boolean(byHand));
  }

  function reveal() {
    const at = shown.indexOf(current);
    if (at < 0) return;
    if (at * ROW < list.scrollTop) list.scrollTop = at * ROW;
    else if ((at + 1) * ROW > list.scrollTop + list.clientHeight) list.scrollTop = (at + 1) * ROW - list.clientHeight;
    draw();
  }

  function step(by) {
    if (!shown.length) return;
    const at = shown.indexOf(current);
    const next = at < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, at + by));
    if (shown[next] !== current) select(shown[next]);
  }

  function refresh(video) {
    if (video === null) return redraw();
    const at = shown.indexOf(VP.byName.get(video));
    if (!drawn.has(at)) return;
    const row = rowOf(shown[at], at);
    drawn.get(at).replaceWith(row);
    drawn.set(at, row);
  }

  function start(listener) {
    onSelect = listener;
    control.class.append(VP.el("option", { value: -1, text: "any class" }));
    REVIEW.classes.forEach((each, k) => {
      control.class.append(VP.text("option", each.name ? `${each.code} ${each.name}` : each.code, { value: k }));
    });
    let waiting = 0;
    const soon = () => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(filter);
    };
    control.class.addEventListener("change", () => {
      const k = Number(control.class.value); // first what is proposed of it; the slider shows less or more
      control.score.value = k < 0 ? 0 : Math.floor(REVIEW.thresholds[k] * 100);
      filter();
    });
    ["query", "score"].forEach((id) => control[id].addEventListener("input", soon));
    ["status", "order"].forEach((id) => control[id].addEventListener("change", filter));
    VP.byId("filters").addEventListener("submit", (event) => event.preventDefault());
    VP.byId("clear").addEventListener("click", clear);
    list.addEventListener("scroll", draw, { passive: true });
    window.addEventListener("resize", draw);
    filter();
  }

  function clear() {
    VP.byId("filters").reset();
    filter();
  }

  return { start, select, step, refresh, draw, clear, shown: () => shown, current: () => current, first: () => shown[0] };
})();
