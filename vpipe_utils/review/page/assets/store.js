// What a person decided, kept in this browser: one entry a clip, so that two windows of one review do not undo each other.
// Nothing in this page is ever parsed as HTML: texts go in by textContent.
var VP = {};

performance.mark("vpipe-start");

VP.el = function (tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") node.textContent = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
VP.byId = (id) => document.getElementById(id);

// Signs that turn or hide the text around them are shown by their number: two names that look alike are told apart.
VP.shown = (text) =>
  String(text).replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (sign) => "⟨" + sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") + "⟩");
VP.text = (tag, text, attributes) => VP.el(tag, Object.assign({ text: VP.shown(text) }, attributes));

VP.number = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));
VP.percent = (share) => (Math.round(share * 1000) / 10).toLocaleString("en") + " %";
VP.time = function (seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const tenths = Math.round(seconds * 10);
  if (tenths < 600) return (tenths / 10).toFixed(1) + " s";
  return Math.floor(tenths / 600) + ":" + ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
};

VP.codes = REVIEW.classes.map((each) => each.code);
VP.byName = new Map(REVIEW.clips.map((clip, index) => [clip.video, index]));

VP.store = (function () {
  const prefix = "vpipe-review:" + REVIEW.id + ":";
  const decisions = new Map(); // video -> {how, labels: [codes], note}
  const listeners = [];
  let fault = "";

  function readAll() {
    decisions.clear();
    try {
      for (let k = 0; k < localStorage.length; k += 1) {
        const key = localStorage.key(k);
        if (key.startsWith(prefix)) take(key.slice(prefix.length), localStorage.getItem(key));
      }
    } catch (error) {
      fault = "This browser keeps nothing for this page. Export your decisions before you close it.";
    }
  }

  function take(video, text) {
    try {
      const value = JSON.parse(text);
      if (value && Array.isArray(value.labels)) decisions.set(video, value);
      else decisions.delete(video);
    } catch (error) {
      decisions.delete(video);
    }
  }

  function set(video, change) {
    const value = Object.assign({ how: "", labels: [], note: "" }, decisions.get(video), change);
    const empty = !value.how && !value.note;
    if (empty) decisions.delete(video);
    else decisions.set(video, value);
    try {
      if (empty) localStorage.removeItem(prefix + video);
      else localStorage.setItem(prefix + video, JSON.stringify(value));
    } catch (error) {
      fault = "This browser cannot keep more. Export your decisions before you close this page.";
    }
    listeners.forEach((listener) => listener(video));
  }

  window.addEventListener("storage", (event) => {
    if (event.key === null) readAll();
    else if (event.key.startsWith(prefix)) take(event.key.slice(prefix.length), event.newValue);
    else return;
    listeners.forEach((listener) => listener(event.key === null ? null : event.key.slice(prefix.length)));
  });
  readAll();
  return {
    get: (video) => decisions.get(video),
    how: (video) => (decisions.get(video) || { how: "" }).how,
    set,
    fault: () => fault,
    onChange: (listener) => listeners.push(listener),
  };
})();

// Indices of the classes that hold when a person agrees: what is proposed, else the normal class where there is one.
VP.agreed = function (clip) {
  if (clip.unreadable) return [];
  if (clip.proposed.length || REVIEW.normal === null) return clip.proposed.slice();
  return [REVIEW.normal];
};
// Indices that are marked now: the person's, else what is proposed.
VP.marked = function (clip) {
  const decision = VP.store.get(clip.video);
  return decision && decision.how ? decision.labels.map((code) => VP.codes.indexOf(code)).filter((k) => k >= 0) : VP.agreed(clip);
};
