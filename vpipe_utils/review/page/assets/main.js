// The page as a whole: what it promises, keys, themes, printing.
(function () {
  const KEYS = [
    ["J ↓ →", "next clip"], ["K ↑ ←", "previous clip"], ["A", "agree and go on"], ["C", "correct: to the classes"],
    ["1 … 9", "put or take a class, in the order shown"], ["U", "undo the decision"], ["N", "write a note; Esc ends it"],
    ["E", "evidence; again: of the next class"], ["V", "the clip, from the most telling second"], ["S", "nine frames"],
    ["Space", "play or pause"], ["H", "heat map on or off"], ["/", "search"], ["X", "export"], ["?", "this help"],
  ];
  const narrow = window.matchMedia("(max-width: 760px)");

  function trust() {
    const box = VP.byId("trust");
    const guarantee = REVIEW.guarantee || {};
    const watch = REVIEW.clips.filter((clip) => clip.watch).length;
    const readable = REVIEW.clips.filter((clip) => !clip.unreadable).length;
    const sentence = guarantee.sentence || promised(guarantee, watch, readable);
    const drift = REVIEW.drift || {};
    const warned = Boolean(drift.warns && drift.sentence && sentence.includes(drift.sentence)); // said once is enough
    box.append(VP.text("p", sentence, { class: warned ? "promise warning" : "promise", id: warned ? "drift" : null }));
    if (drift.warns && !warned) box.append(VP.text("p", drift.sentence || "These clips look unlike those that the promise was measured on; it may not hold.", { class: "warning", id: "drift" }));
    const more = VP.el("details", {}, VP.el("summary", { text: "How far to trust this" }));
    if (guarantee.measured_on) more.append(VP.text("p", "Measured on: " + guarantee.measured_on));
    more.append(VP.text("p", guarantee.breaks_when || "Another camera, another town or another way of filming breaks such a promise.", { id: "breaks" }));
    if (!drift.warns && drift.sentence) more.append(VP.text("p", drift.sentence));
    if (Array.isArray(guarantee.levels) && guarantee.levels.length) more.append(levels(guarantee.levels));
    const made = [["model", REVIEW.model], ["made", REVIEW.made]].filter((each) => each[1]);
    if (made.length) more.append(VP.text("p", made.map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join(" · "), { class: "made" }));
    box.append(more);
  }

  function promised(guarantee, watch, readable) {
    const count = `${watch.toLocaleString("en")} of ${readable.toLocaleString("en")} clips`;
    if (typeof guarantee.missed !== "number") return `Nothing is promised for this review: it is not known what share of defects the ${count} to watch hold.`;
    return `Whoever watches the ${count} on the list misses at most ${VP.percent(guarantee.missed)} of the defects.`;
  }

  function levels(rows) {
    const shown = (value) => (typeof value === "number" ? VP.percent(value) : "–");
    const kinds = { sure: (row) => "with " + shown(row.confidence) + " confidence", mean: () => "on average" };
    const columns = [
      ["missed", "missed at most", (row) => shown(row.missed)],
      ["kind", "promised", (row) => (kinds[row.kind] ? kinds[row.kind](row) : "–")],
      ["watch", "to watch here", (row) => shown(row.watch)],
      ["realised", "missed when tried", (row) => shown(row.realised)],
      ["holds", "held in", (row) => shown(row.holds) + (row.splits ? ` of ${row.splits} trials` : "")],
    ].filter(([key]) => rows.some((row) => row[key] !== undefined));
    const head = VP.el("tr", {}, ...columns.map(([, text]) => VP.el("th", { scope: "col", text })));
    const body = rows.map((row) => VP.el("tr", {}, ...columns.map(([, , cell]) => VP.el("td", { text: cell(row) }))));
    return VP.el("div", { class: "wide" }, VP.el("table", {}, VP.el("thead", {}, head), VP.el("tbody", {}, ...body)));
  }

  function progress() {
    const watch = REVIEW.clips.filter((clip) => clip.watch);
    const done = watch.filter((clip) => VP.store.how(clip.video)).length;
    VP.byId("progress").textContent = `${done.toLocaleString("en")} of ${watch.length.toLocaleString("en")} to watch done`;
    const decided = REVIEW.clips.filter((clip) => VP.store.how(clip.video)).length;
    VP.byId("n-decided").textContent = decided ? `(${decided.toLocaleString("en")})` : "";
    const fault = VP.store.fault();
    VP.byId("storage-warning").textContent = fault;
    VP.byId("storage-warning").hidden = !fault;
  }

  // ---- themes ----------------------------------------------------------------------------------------------------------
  const THEMES = ["auto", "light", "dark"];
  function theme(wanted) {
    document.documentElement.dataset.theme = wanted;
    VP.byId("theme").textContent = { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" }[wanted];
    try { localStorage.setItem("vpipe-theme", wanted); } catch (error) { /* it is only not remembered */ }
  }
  function remembered() {
    try { return THEMES.includes(localStorage.getItem("vpipe-theme")) ? localStorage.getItem("vpipe-theme") : "auto"; } catch (error) { return "auto"; }
  }

  // ---- one clip after the other ------------------------------------------------------------------------------------------
  function opened(index, byHand) {
    VP.clip.show(index);
    if (byHand) document.body.classList.add("one");
    try { history.replaceState(null, "", "#clip=" + encodeURIComponent(REVIEW.clips[index].video)); } catch (error) { /* a lone surrogate */ }
  }
  function askedFor() {
    if (!location.hash.startsWith("#clip=")) return undefined;
    try { return VP.byName.get(decodeURIComponent(location.hash.slice(6))); } catch (error) { return undefined; }
  }
  const agree = () => VP.clip.agree() && VP.list.step(1);

  function pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const target = event.target;
    if (event.key === "Escape") { target.blur(); VP.byId("list").focus({ preventScroll: true }); return; }
    const writing = target.matches("textarea, select, input[type=search], input[type=range]");
    if (writing) { if (event.key === "Enter" && target.id === "query") { event.preventDefault(); VP.byId("list").focus(); } return; }
    if (event.key === " " && target.matches("button, input, summary, a, video")) return;
    if (event.key === "Enter" && target.matches("input[type=checkbox]")) { event.preventDefault(); return VP.list.step(1); }
    if (target.matches("video, [role=tab]") && event.key.startsWith("Arrow")) return;
    const action = {
      j: () => VP.list.step(1), ArrowDown: () => VP.list.step(1), ArrowRight: () => VP.list.step(1),
      k: () => VP.list.step(-1), ArrowUp: () => VP.list.step(-1), ArrowLeft: () => VP.list.step(-1),
      PageDown: () => VP.list.step(10), PageUp: () => VP.list.step(-10),
      a: agree, c: VP.clip.correct, u: VP.clip.undo, e: VP.clip.lookOn, v: () => VP.clip.setView("video"), s: () => VP.clip.setView("sheet"),
      n: () => VP.byId("note").focus(), h: () => VP.byId("heat-on").click(), "/": () => VP.byId("query").focus(),
      " ": VP.clip.pause, x: VP.exports.open, "?": () => VP.byId("help").showModal(),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (action) { event.preventDefault(); action(); }
    else if (/^[1-9]$/.test(event.key)) { event.preventDefault(); VP.clip.toggleAt(Number(event.key) - 1); }
  }

  // ---- printing: what the filters leave, as a table -----------------------------------------------------------------------
  function printed() {
    const head = ["clip", "classes", "second", "decision", "note"].map((text) => VP.el("th", { scope: "col", text }));
    const rows = VP.list.shown().map((index) => {
      const clip = REVIEW.clips[index];
      const decision = VP.store.get(clip.video) || { how: "", note: "", labels: [] };
      const proposed = (clip.proposed || []).map((k) => `${VP.codes[k]} ${VP.number(clip.p[k])}`).join(", ");
      const seen = (clip.evidence || []).filter((each) => clip.proposed.includes(each.class)).map((each) => `${VP.codes[each.class]} ${VP.time(each.at[0])}`).join(", ");
      const decided = decision.how ? `${decision.how}: ${decision.labels.join(", ")}` : clip.watch ? "to watch" : "";
      return VP.el("tr", {}, ...[clip.video, clip.unreadable ? "cannot be read: " + clip.unreadable : proposed, seen, decided, decision.note].map((text) => VP.text("td", text)));
    });
    VP.byId("print").replaceChildren(VP.el("thead", {}, VP.el("tr", {}, ...head)), VP.el("tbody", {}, ...rows));
  }

  function start() {
    theme(remembered());
    VP.byId("name").textContent = VP.shown(REVIEW.name);
    trust();
    progress();
    VP.byId("keys").append(...KEYS.flatMap(([keys, what]) => [
      VP.el("dt", {}, ...keys.split(" ").map((key) => (key === "…" ? key : VP.el("kbd", { text: key })))), VP.el("dd", { text: what }),
    ]));
    VP.clip.start();
    VP.exports.start();
    VP.list.start(opened);
    VP.store.onChange((video) => { VP.list.refresh(video); progress(); });
    const click = (id, action) => VP.byId(id).addEventListener("click", action);
    click("next", () => VP.list.step(1));
    click("previous", () => VP.list.step(-1));
    click("agree", agree);
    click("correct", VP.clip.correct);
    click("undo", VP.clip.undo);
    click("open-help", () => VP.byId("help").showModal());
    click("theme", () => theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % 3]));
    click("back", () => { document.body.classList.remove("one"); VP.list.draw(); });
    document.addEventListener("keydown", pressed);
    window.addEventListener("beforeprint", printed);
    narrow.addEventListener("change", VP.list.draw);
    if (REVIEW.report) Object.assign(VP.byId("report"), { hidden: false, href: REVIEW.report });
    const asked = askedFor();
    const first = asked ?? VP.list.first();
    if (first !== undefined) VP.list.select(first, asked !== undefined);
    performance.mark("vpipe-ready");
    performance.measure("vpipe-first", "vpipe-start", "vpipe-ready");
  }

  start();
})();
