// Decisions as files, and how they train the next model.
VP.exports = (function () {
  const cell = (text) => (/[",;\r\n\t]|^\s|\s$/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  const lines = (rows) => "\ufeff" + rows.map((row) => row.map((each) => cell(String(each))).join(",") + "\r\n").join("");
  const oneLine = (text) => text.replace(/\s+/g, " ").trim();
  // A column of words beside the classes; its name must be none of theirs.
  const columnOfWords = () => { let name = "review"; while (VP.codes.some((code) => code.trim().toLowerCase() === name)) name += "_"; return name; };
  const fileName = (what) => `${REVIEW.name.replace(/[^\p{L}\p{N}_-]+/gu, "_") || "review"}_${what}.csv`;
  const decided = () => REVIEW.clips.filter((clip) => VP.store.how(clip.video));

  // One row a clip that a person decided on: `video`, 0 or 1 a class, and what was done. The last column always begins
  // with a word, so that readers take it for words, not for a class, and no program for a formula.
  function labels() {
    const rows = decided().map((clip) => {
      const { how, labels, note } = VP.store.get(clip.video);
      return [clip.video, ...VP.codes.map((code) => Number(labels.includes(code))), note ? `${how}: ${oneLine(note)}` : how];
    });
    return lines([["video", ...VP.codes, columnOfWords()], ...rows]);
  }

  function notes() {
    const rows = REVIEW.clips.map((clip) => [clip, VP.store.get(clip.video)]).filter((pair) => pair[1]);
    return lines([["video", "decision", "classes", "note"],
      ...rows.map(([clip, each]) => [clip.video, each.how || "open", each.labels.join(" "), each.note ? "note: " + oneLine(each.note) : ""])]);
  }

  function save(name, text) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    const link = VP.el("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  function quoted(text) {
    return `'${text.replace(/'/g, "'\\''")}'`;
  }

  function recipe() {
    const file = fileName("corrections");
    const box = VP.byId("recipe");
    const preset = REVIEW.preset || "own";
    const next = preset + "_next";
    box.replaceChildren(
      VP.el("p", { text: "In the project's folder, with the labels there were and these together (a correction wins):" }),
      VP.el("pre", { text: `make corrections PRESET=${preset} REVIEW=${quoted(REVIEW.folder)} CSV=~/Downloads/${quoted(file)}\nmake report PRESET=${next}` }),
      VP.el("p", { text: `The first line writes params/${next}/data.yaml, a table of labels and a folder of links to the clips. Or with these labels alone:` }),
      VP.el("pre", { text: `# params/${next}/data.yaml\npreset: ${next}\nextends: ${preset}\nsource: files\nvideos_dir: ${JSON.stringify(REVIEW.videos_dir || "the folder in which these clips lie")}\nannotations: ${JSON.stringify("/path/to/" + file)}` })
    );
  }

  function open() {
    const count = decided().length;
    const corrected = decided().filter((clip) => VP.store.how(clip.video) === "corrected").length;
    VP.byId("export-count").textContent = count ? `${count} clip${count === 1 ? "" : "s"} decided, ${corrected} of them corrected.` : "Nothing is decided yet.";
    VP.byId("save-labels").disabled = !count;
    recipe();
    const files = REVIEW.exports.map((name) => VP.el("li", {}, VP.text("a", name, { href: "exports/" + encodeURIComponent(name) })));
    VP.byId("files").replaceChildren(...(files.length ? files : [VP.el("li", { text: "none were written" })]));
    VP.byId("export").showModal();
  }

  function start() {
    VP.byId("open-export").addEventListener("click", open);
    VP.byId("save-labels").addEventListener("click", () => save(fileName("corrections"), labels()));
    VP.byId("save-notes").addEventListener("click", () => save(fileName("notes"), notes()));
  }

  return { start, open, labels, notes };
})();
