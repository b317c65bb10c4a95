// One clip: its most telling frames with what the network looked at, the clip itself, nine frames, classes, decision.
VP.clip = (function () {
  const SVG = "http://www.w3.org/2000/svg";
  const stage = VP.byId("stage");
  let clip = null;
  let order = []; // classes, the likely ones first
  let focus = -1; // class whose evidence is shown
  let view = "evidence";

  const evidenceOf = (k) => (clip.evidence || []).find((each) => each.class === k);
  const label = (k) => (REVIEW.classes[k].name ? `${VP.codes[k]} ${REVIEW.classes[k].name}` : VP.codes[k]);

  function show(index) {
    stopVideo();
    clip = REVIEW.clips[index];
    VP.byId("clip-name").textContent = VP.shown(clip.video);
    VP.byId("meta").textContent = meta();
    const why = VP.byId("why");
    why.textContent = clip.unreadable ? "This clip cannot be read: " + VP.shown(clip.unreadable) : VP.shown(clip.why || "");
    why.className = clip.unreadable || clip.drift > 1 ? "warning" : "";
    order = clip.p ? clip.p.map((_, k) => k).sort((a, b) => clip.p[b] - clip.p[a]) : REVIEW.classes.map((_, k) => k);
    const told = order.filter(evidenceOf);
    focus = told.length ? told.find((k) => clip.proposed.includes(k)) ?? told[0] : -1;
    if (view !== "video" || clip.unreadable) view = told.length ? "evidence" : clip.sheet ? "sheet" : "video";
    drawClasses();
    drawStrip();
    drawStage();
    const decision = VP.store.get(clip.video);
    VP.byId("note").value = decision ? decision.note : "";
    VP.byId("clip").scrollTop = 0;
  }

  function meta() {
    const parts = [];
    if (clip.rank) parts.push(`number ${clip.rank.toLocaleString("en")} by need` + (clip.watch ? ", to watch" : ""));
    if (clip.seconds) parts.push(VP.time(clip.seconds));
    if (clip.size[0]) parts.push(`${clip.size[0]} × ${clip.size[1]}`);
    if (clip.recording) parts.push("recording " + VP.shown(clip.recording));
    if (clip.drift > 1) parts.push("looks unlike the clips that the promise was measured on");
    return parts.join(" · ");
  }

  // ---- classes -----------------------------------------------------------------------------------------------------
  function drawClasses() {
    const box = VP.byId("classes");
    box.replaceChildren(...order.map(classRow));
    drawDecision();
  }

  function classRow(k, place) {
    const p = clip.p ? clip.p[k] : null;
    const seen = evidenceOf(k);
    const check = VP.el("input", {
      type: "checkbox", id: "class-" + k, onchange: () => toggle(k),
      "aria-label": `${VP.shown(label(k))}, probability ${VP.number(p)}`,
    });
    check.checked = VP.marked(clip).includes(k);
    const bar = VP.el("span", { class: "bar", "aria-hidden": "true" });
    const fill = bar.appendChild(VP.el("span", { class: "fill" }));
    fill.style.width = (p || 0) * 100 + "%";
    const tick = bar.appendChild(VP.el("span", { class: "tick" }));
    tick.style.left = REVIEW.thresholds[k] * 100 + "%";
    const name = VP.el("label", { for: check.id, title: VP.shown(label(k)) }, VP.text("b", VP.codes[k]), " ", VP.text("span", REVIEW.classes[k].name));
    const row = VP.el("div", { class: "class-row", "data-class": k },
      VP.el("kbd", { text: place < 9 ? place + 1 : "", "aria-hidden": "true" }), check, name, bar,
      VP.el("span", { class: "value", text: VP.number(p) }), whenSeen(k, seen));
    row.classList.toggle("proposed", Boolean(clip.proposed && clip.proposed.includes(k)));
    row.classList.toggle("focus", k === focus);
    return row;
  }

  function whenSeen(k, seen) {
    if (!seen) return VP.el("span", { class: "when" });
    const [second, first, last] = seen.at;
    const line = VP.el("span", { class: "time-line", "aria-hidden": "true" });
    const length = clip.seconds || last || 1;
    const span = line.appendChild(VP.el("span", { class: "span" }));
    span.style.left = (100 * (first ?? second)) / length + "%";
    span.style.width = Math.max(1.5, (100 * ((last ?? second) - (first ?? second))) / length) + "%";
    const dot = line.appendChild(VP.el("span", { class: "dot" }));
    dot.style.left = (100 * second) / length + "%";
    return VP.el("button", {
      type: "button", class: "when", onclick: () => look(k),
      title: `most telling at ${VP.time(second)}; in sight from ${VP.time(first)} to ${VP.time(last)}`,
      "aria-label": `${VP.shown(VP.codes[k])}: show ${VP.time(second)}, in sight from ${VP.time(first)} to ${VP.time(last)}`,
    }, VP.el("span", { class: "second", text: VP.time(second) }), line);
  }

  function look(k) {
    focus = k;
    document.querySelectorAll(".class-row").forEach((row) => row.classList.toggle("focus", Number(row.dataset.class) === k));
    if (view === "sheet") view = "evidence";
    const video = stage.querySelector("video");
    if (view === "video" && video && video.readyState) {
      seek(video, evidenceOf(k).at[0]);
      markStrip();
    } else drawStage();
  }

  function lookOn() {
    const told = order.filter(evidenceOf);
    if (view === "evidence" && told.length) return look(told[(told.indexOf(focus) + 1) % told.length]);
    setView("evidence");
  }

  // ---- what is seen --------------------------------------------------------------------------------------------------
  function setView(wanted) {
    if (clip.unreadable && wanted !== "video") return;
    stopVideo();
    view = wanted;
    drawStage();
  }

  function drawStage(from) {
    document.querySelectorAll("#tabs [role=tab]").forEach((tab) => {
      tab.setAttribute("aria-selected", String(tab.dataset.view === view));
    });
    VP.byId("heat-switch").hidden = view !== "evidence";
    markStrip();
    const seen = focus < 0 ? undefined : evidenceOf(focus);
    const caption = VP.byId("caption");
    caption.replaceChildren();
    if (view === "video") return drawVideo(from ?? (seen ? seen.at[0] : 0));
    if (view === "sheet") return stage.replaceChildren(clip.sheet ? sheet() : empty("There are no nine frames of this clip."));
    if (!seen) return stage.replaceChildren(empty("No evidence was looked for in this clip. Its nine frames and the clip itself are beside this."));
    stage.replaceChildren(seen.picture ? overlay(seen) : empty("The picture of this second is missing."));
    const [second, first, last] = seen.at;
    caption.append(VP.text("b", label(focus)), ` ${VP.number(clip.p[focus])} · most telling at ${VP.time(second)}`);
    if (first !== null && last !== null) caption.append(` · in sight ${VP.time(first)} to ${VP.time(last)}`);
  }

  // As wide as the stage, but not higher than a good half of the window; its place is there before it is loaded.
  function fitted(node) {
    const ratio = clip.size[0] && clip.size[1] ? clip.size[0] / clip.size[1] : 4 / 3;
    node.classList.add("fitted");
    node.style.aspectRatio = String(ratio);
    node.style.width = `min(100%, calc(58vh * ${ratio}))`;
    return node;
  }

  function overlay(seen) {
    const [second, , , x, y, x0, y0, x1, y1] = seen.at;
    const figure = fitted(VP.el("div", {}));
    const picture = VP.el("img", { src: seen.picture, alt: `${VP.shown(clip.video)} at ${VP.time(second)}, where ${VP.shown(label(seen.class))} shows most` });
    picture.addEventListener("error", () => figure.replaceChildren(empty("The picture of this second is missing.")));
    figure.append(picture);
    const marks = VP.el("div", { class: "marks" });
    if (seen.heat) marks.append(VP.el("img", { class: "heat", src: seen.heat, alt: "" }));
    if (clip.size[0] && x0 !== null) {
      const svg = document.createElementNS(SVG, "svg");
      svg.setAttribute("viewBox", `0 0 ${clip.size[0]} ${clip.size[1]}`);
      svg.setAttribute("preserveAspectRatio", "none");
      svg.setAttribute("aria-hidden", "true");
      for (const kind of ["under", "over"]) { // dark below light: seen on any picture
        shape(svg, "rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, class: kind });
        if (x !== null) shape(svg, "circle", { cx: x, cy: y, r: clip.size[0] / 110, class: kind });
      }
      marks.append(svg);
    }
    marks.hidden = !VP.byId("heat-on").checked;
    figure.append(marks);
    return figure;
  }

  function shape(svg, tag, attributes) {
    const node = svg.appendChild(document.createElementNS(SVG, tag));
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  }

  const empty = (text) => VP.el("p", { class: "empty", text });
  const sheet = () => {
    const alt = `Nine frames of ${VP.shown(clip.video)}, evenly spread, row by row`;
    return fitted(VP.el("div", {}, VP.el("img", { src: clip.sheet, alt })));
  };

  function drawStrip() {
    const strip = VP.byId("strip");
    strip.replaceChildren();
    strip.hidden = !clip.sheet;
    if (!clip.sheet) return;
    for (let k = 0; k < 9; k += 1) {
      const second = clip.seconds ? ((2 * k + 1) * clip.seconds) / 18 : null;
      const button = VP.el("button", { type: "button", "aria-label": `play from ${VP.time(second)}`, onclick: () => playFrom(second) });
      const tile = button.appendChild(VP.el("span", { class: "tile" }));
      tile.style.backgroundImage = `url("${clip.sheet}")`;
      tile.style.backgroundPosition = `${(k % 3) * 50}% ${Math.floor(k / 3) * 50}%`;
      if (clip.size[0]) tile.style.aspectRatio = `${clip.size[0]} / ${clip.size[1]}`;
      button.append(VP.el("span", { class: "at", text: VP.time(second) }));
      strip.append(button);
    }
  }

  // Which of the nine is nearest to the most telling frame, and in which the class that is shown is in sight. Seconds are
  // those at which frames begin, rounded: half a frame of play.
  function markStrip() {
    const seen = focus < 0 ? undefined : evidenceOf(focus);
    const [second, first, last] = seen ? seen.at : [];
    const { frames, seconds } = clip;
    const begin = (k) => (Math.floor(((2 * k + 1) * frames) / 18) * seconds) / frames;
    const far = (k) => Math.abs(begin(k) - second);
    const nearest = [0, 1, 2, 3, 4, 5, 6, 7, 8].reduce((best, k) => (far(k) < far(best) ? k : best), 0);
    const half = seconds / frames / 2;
    Array.from(VP.byId("strip").children).forEach((button, k) => {
      const told = Boolean(seen && seconds && frames);
      button.classList.toggle("in-sight", told && first - half < begin(k) && begin(k) < last + half);
      if (told && k === nearest) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
  }

  // ---- the clip itself -----------------------------------------------------------------------------------------------
  function drawVideo(second) {
    const urls = clip.urls.slice();
    const video = fitted(VP.el("video", { controls: true, muted: true, playsinline: true, preload: "metadata", "aria-label": "clip " + VP.shown(clip.video) }));
    video.muted = true;
    video.addEventListener("loadedmetadata", () => seek(video, second));
    video.addEventListener("error", () => {
      if (!video.isConnected || !video.getAttribute("src")) return;
      if (urls.length) video.src = urls.shift();
      else cannotPlay();
    });
    stage.replaceChildren(video);
    VP.byId("caption").textContent = second ? `from ${VP.time(second)}` : "";
    video.src = urls.shift();
  }

  function cannotPlay() {
    const ending = (clip.video.match(/\.[^.]+$/) || [""])[0].toUpperCase().slice(1);
    const seen = focus < 0 ? undefined : evidenceOf(focus);
    const words = `This browser cannot play this clip${ending ? ` (${VP.shown(ending)})` : ""}, or the file has moved. Open it in a player: `;
    const said = VP.el("p", { class: "empty" }, words, VP.text("code", clip.path));
    stage.replaceChildren(said, ...(seen && seen.picture ? [overlay(seen)] : clip.sheet ? [sheet()] : []));
    if (seen) VP.byId("caption").textContent = `${label(focus)} at ${VP.time(seen.at[0])}`;
  }

  function seek(video, second) {
    video.currentTime = Math.min(second || 0, Math.max(0, (video.duration || 0) - 0.05));
    video.play().catch(() => {}); // a browser that does not start by itself shows its button
  }

  function playFrom(second) {
    const video = stage.querySelector("video");
    if (view === "video" && video && video.readyState) return seek(video, second);
    view = "video";
    drawStage(second ?? 0);
  }

  function stopVideo() {
    const video = stage.querySelector("video");
    if (!video) return;
    video.pause();
    video.removeAttribute("src");
    video.load();
  }

  function pause() {
    const video = stage.querySelector("video");
    if (video) video.paused ? video.play().catch(() => {}) : video.pause();
  }

  // ---- decisions -----------------------------------------------------------------------------------------------------
  const codes = (indices) => VP.codes.filter((_, k) => indices.includes(k));

  function agree() {
    if (clip.unreadable) return false;
    VP.store.set(clip.video, { how: "agreed", labels: codes(VP.agreed(clip)) });
    return true;
  }

  function toggle(k) {
    if (clip.unreadable) return drawClasses();
    const normal = REVIEW.normal;
    let marked = VP.marked(clip);
    marked = marked.includes(k) ? marked.filter((each) => each !== k) : [...marked, k];
    if (k === normal && marked.includes(k)) marked = [k]; // normal excludes all others
    else if (normal !== null) marked = marked.filter((each) => each !== normal || marked.length === 1);
    if (!marked.length && normal !== null) marked = [normal];
    const labels = codes(marked);
    const same = labels.join("\n") === codes(VP.agreed(clip)).join("\n");
    VP.store.set(clip.video, { how: same ? "agreed" : "corrected", labels });
  }

  function undo() {
    VP.store.set(clip.video, { how: "", labels: [] });
  }

  function drawDecision() {
    const decision = VP.store.get(clip.video);
    const how = decision ? decision.how : "";
    const labels = how ? decision.labels.map(VP.shown).join(", ") || "no class" : "";
    VP.byId("decision").textContent = how ? `${how}: ${labels}` : "";
    VP.byId("undo").disabled = !how;
    for (const id of ["agree", "correct"]) VP.byId(id).disabled = Boolean(clip.unreadable);
    const marked = VP.marked(Object.assign({ proposed: [] }, clip));
    document.querySelectorAll(".class-row").forEach((row) => {
      const check = row.querySelector("input");
      check.checked = !clip.unreadable && marked.includes(Number(row.dataset.class));
      check.disabled = Boolean(clip.unreadable);
    });
  }

  function start() {
    document.querySelectorAll("#tabs [role=tab]").forEach((tab) => tab.addEventListener("click", () => setView(tab.dataset.view)));
    VP.byId("heat-on").addEventListener("change", () => {
      stage.querySelectorAll(".marks").forEach((marks) => (marks.hidden = !VP.byId("heat-on").checked));
    });
    VP.byId("note").addEventListener("input", (event) => VP.store.set(clip.video, { note: event.target.value }));
    VP.store.onChange((video) => {
      if (clip && (video === null || video === clip.video)) drawDecision();
    });
  }

  return {
    start, show, agree, undo, setView, lookOn, pause,
    toggleAt: (place) => order[place] !== undefined && toggle(order[place]),
    correct: () => { const first = document.querySelector(".class-row input:not(:disabled)"); if (first) first.focus(); },
  };
})();
