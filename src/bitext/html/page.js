"use strict";
{
  const $ = (id) => document.getElementById(id);
  const segments = [...document.querySelectorAll(".s")];
  const blocks = [...document.querySelectorAll(".b")];
  const flags = JSON.parse($("flags").textContent);
  const search = $("search"), flagged = $("flagged"), count = $("count"), help = $("help"), body = document.body;
  const textOf = (segment, side) => segment.querySelector(side === "x" ? ":scope > .x" : ":scope > .t");

  // ---- Search -------------------------------------------------------------------------------------------------------------------------
  // Letters are compared without case, vowel signs, tatweel, hamza and invisible marks; digits of either script are the same.
  const SAME = { "ٱ": "ا", "ى": "ي", "ة": "ه", "ی": "ي", "ک": "ك", "’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " " };
  for (let digit = 0; digit < 10; digit++) {
    SAME[String.fromCharCode(0x660 + digit)] = SAME[String.fromCharCode(0x6f0 + digit)] = String(digit);
  }
  const fold = (text) =>
    text.normalize("NFKD").replace(/[\p{M}\p{Cf}ـء]/gu, "").toLowerCase().replace(/[ٱىةیک’‘“”\u00a0٠-٩۰-۹]/g, (c) => SAME[c]);
  const folded = new Map();
  const foldedText = (segment) => {
    let text = folded.get(segment);
    if (text === undefined) {
      text = fold(textOf(segment, "t").textContent + "\n" + textOf(segment, "x").textContent);
      folded.set(segment, text);
    }
    return text;
  };
  // Words in any order; what stands in quotes, as it is.
  const terms = (query) =>
    [...query.matchAll(/["“”]([^"“”]+)["“”]?|[^\s"“”]+/g)].map((match) => fold(match[1] ?? match[0]).trim()).filter(Boolean);

  const HIGHLIGHTS = 1500;
  function highlight(wanted, shown) {
    if (!window.CSS || !CSS.highlights) return;
    CSS.highlights.delete("found");
    if (!wanted.length) return;
    const ranges = [];
    for (const segment of shown) {
      for (const side of ["t", "x"]) mark(textOf(segment, side), wanted, ranges);
      if (ranges.length > HIGHLIGHTS) break;
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }
  const foldedLetters = new Map();
  function foldLetter(char) {
    let plain = foldedLetters.get(char);
    if (plain === undefined) foldedLetters.set(char, (plain = fold(char)));
    return plain;
  }
  function mark(element, wanted, ranges) {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    // Folded text, and for each of its characters the node and offset it came from.
    let text = "";
    const from = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      let offset = 0;
      for (const char of node.data) {
        const plain = foldLetter(char);
        for (let i = 0; i < plain.length; i++) from.push([node, offset, offset + char.length]);
        text += plain;
        offset += char.length;
      }
    }
    for (const term of wanted) {
      for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + term.length)) {
        const first = from[at], last = from[at + term.length - 1];
        const range = new Range();
        range.setStart(first[0], first[1]);
        range.setEnd(last[0], last[2]);
        ranges.push(range);
      }
    }
  }

  // ---- Filter -------------------------------------------------------------------------------------------------------------------------
  let shown = segments;
  function update() {
    const wanted = terms(search.value);
    const onlyFlagged = flagged.getAttribute("aria-pressed") === "true";
    shown = segments.filter(
      (segment) => (!onlyFlagged || segment.dataset.f) && wanted.every((term) => foldedText(segment).includes(term)),
    );
    const filtered = onlyFlagged || wanted.length > 0;
    const visible = new Set(shown), full = new Set();
    for (const segment of segments) {
      const hide = !visible.has(segment);
      if (segment.hidden !== hide) segment.hidden = hide;
      if (!hide) full.add(segment.parentElement);
    }
    for (const block of blocks) {
      const hide = filtered && !full.has(block);
      if (block.hidden !== hide) block.hidden = hide;
    }
    highlight(wanted, shown);
    count.textContent = filtered ? `${shown.length} of ${segments.length}` : "";
    $("none").hidden = !filtered || shown.length > 0;
    if (current && current.hidden) select(null);
    else if (current) current.scrollIntoView({ block: "center" });
  }
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(update, 120);
  });
  function setFlagged(on) {
    if (flagged.disabled) return;
    flagged.setAttribute("aria-pressed", String(on));
    update();
  }
  flagged.addEventListener("click", () => setFlagged(flagged.getAttribute("aria-pressed") !== "true"));

  // ---- The current segment ------------------------------------------------------------------------------------------------------------
  let current = null;
  function select(segment, block = "nearest") {
    if (current) {
      current.classList.remove("current");
      current.removeAttribute("aria-current");
    }
    current = segment;
    if (!segment) return;
    segment.classList.add("current");
    segment.setAttribute("aria-current", "true");
    segment.tabIndex = -1;
    segment.focus({ preventScroll: true });
    segment.scrollIntoView({ block });
  }
  // Where the reader is: the current segment, or else the first one on the screen.
  function here() {
    const at = shown.indexOf(current);
    if (at >= 0) return at;
    const top = $("bar").getBoundingClientRect().bottom;
    let low = 0, high = shown.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (shown[middle].getBoundingClientRect().bottom > top) high = middle;
      else low = middle + 1;
    }
    return low;
  }
  function move(step, accept = () => true) {
    let at = here();
    if (current && shown[at] === current) at += step;
    else if (step < 0) at -= 1;
    while (shown[at] && !accept(shown[at])) at += step;
    if (shown[at]) select(shown[at]);
  }

  // ---- Details ------------------------------------------------------------------------------------------------------------------------
  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  function toggle(segment) {
    const open = segment.querySelector(":scope > .details");
    if (open) {
      open.remove();
      return;
    }
    const list = element("dl");
    const row = (name, ...content) => list.append(element("dt", { textContent: name }), element("dd", {}, ...content));
    const score = segment.querySelector(".n small");
    if (score) {
      const each = Math.exp(Number(score.textContent.replace("−", "-")));
      row("Score", `${score.textContent} mean log-probability (${Math.round(each * 100)} % per token)`);
    } else {
      row("Score", "none: no model translated this");
    }
    for (const name of (segment.dataset.f || "").split(" ").filter(Boolean)) {
      const about = flags[name] || { text: "", doubt: true };
      row("Flag", element("span", { className: about.doubt ? "flag doubt" : "flag", textContent: name }), ` ${about.text}`);
    }
    if (segment.dataset.n) {
      const target = textOf(segment, "t");
      const others = JSON.parse(segment.dataset.n).map(([text, score]) =>
        element("li", { lang: target.lang, dir: target.dir }, text,
          element("small", { textContent: score === null ? "" : score.toFixed(2).replace("-", "−") })));
      row(others.length > 1 ? "Others" : "Other", element("ol", {}, ...others));
    }
    if (segment.dataset.a) {
      linkWords(segment);
      row("Words", "point at a word to see its counterpart");
    }
    const place = segment.parentElement.dataset.place;
    row("Source", `${place ? `${place}, ` : ""}bytes ${segment.dataset.o}`);
    segment.append(element("div", { className: "details" }, list));
  }

  // Each word becomes an element that knows its counterparts (Pharaoh pairs, source-target).
  function linkWords(segment) {
    if (segment.dataset.linked) return;
    segment.dataset.linked = "1";
    const words = {};
    for (const side of ["x", "t"]) {
      const box = textOf(segment, side);
      words[side] = [];
      const pieces = box.textContent.split(/(\s+)/).map((piece) => {
        if (!piece.trim()) return piece;
        const word = element("span", { className: "word", textContent: piece });
        words[side].push(word);
        return word;
      });
      box.replaceChildren(...pieces);
    }
    for (const pair of segment.dataset.a.split(" ")) {
      const [from, to] = pair.split("-").map(Number);
      const source = words.x[from], target = words.t[to];
      if (!source || !target) continue;
      (source.links ??= []).push(target);
      (target.links ??= []).push(source);
      source.classList.add("linked");
      target.classList.add("linked");
    }
    folded.delete(segment);
  }
  const light = (event, on) => {
    const word = event.target.closest?.(".word.linked");
    if (word) [word, ...word.links].forEach((each) => each.classList.toggle("on", on));
  };
  $("text").addEventListener("mouseover", (event) => light(event, true));
  $("text").addEventListener("mouseout", (event) => light(event, false));

  $("text").addEventListener("click", (event) => {
    const segment = event.target.closest(".s");
    // Neither a click within the details nor the end of a text selection opens or closes anything.
    if (!segment || event.target.closest(".details, a") || String(getSelection())) return;
    select(segment);
    toggle(segment);
  });

  // ---- What is shown, and in which colours --------------------------------------------------------------------------------------------
  const VIEWS = [["", "Both"], ["only-t", "Translation"], ["only-x", "Source"]];
  let view = 0;
  function nextView() {
    view = (view + 1) % VIEWS.length;
    body.classList.remove("only-t", "only-x");
    if (VIEWS[view][0]) body.classList.add(VIEWS[view][0]);
    $("view").textContent = VIEWS[view][1];
    if (current) current.scrollIntoView({ block: "center" });
  }
  $("view").addEventListener("click", nextView);

  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  function nextTheme() {
    const theme = (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark" ? "light" : "dark";
    root.dataset.theme = theme;
    try { localStorage.setItem("jisr-theme", theme); } catch { /* a page opened from a file may have no storage */ }
  }
  $("theme").addEventListener("click", nextTheme);
  try {
    const kept = localStorage.getItem("jisr-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch { /* as above */ }

  $("keys").addEventListener("click", () => help.showModal());

  // ---- Keys ---------------------------------------------------------------------------------------------------------------------------
  function escape() {
    const open = document.querySelectorAll(".details");
    if (open.length) open.forEach((details) => details.remove());
    else if (search.value || flagged.getAttribute("aria-pressed") === "true") {
      search.value = "";
      flagged.setAttribute("aria-pressed", "false");
      update();
    } else select(null);
  }
  const KEYS = {
    j: () => move(1),
    k: () => move(-1),
    n: () => move(1, (segment) => segment.dataset.f),
    p: () => move(-1, (segment) => segment.dataset.f),
    g: () => shown.length && select(shown[0]),
    G: () => shown.length && select(shown[shown.length - 1]),
    f: () => setFlagged(flagged.getAttribute("aria-pressed") !== "true"),
    v: nextView,
    t: nextTheme,
    Escape: escape,
    "/": () => { search.focus(); search.select(); },
    "?": () => help.showModal(),
    Enter: () => { if (current) toggle(current); else move(1); },
    o: () => { if (current) toggle(current); },
  };
  // The key's place on the board where the layout is Arabic, so the keys work whatever the layout.
  const PLACES = { KeyJ: "j", KeyK: "k", KeyN: "n", KeyP: "p", KeyG: "g", KeyF: "f", KeyV: "v", KeyT: "t", KeyO: "o", Slash: "/" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || help.open) return;
    if (event.target === search) {
      if (event.key === "Escape") { clearTimeout(timer); search.value = ""; update(); search.blur(); }
      else if (event.key === "Enter") { clearTimeout(timer); update(); search.blur(); if (shown.length) select(shown[0]); }
      else return;
      event.preventDefault();
      return;
    }
    if (event.key === "Enter" && event.target.closest("button, a")) return;
    let key = event.key;
    if (!(key in KEYS) && /[^\x00-\x7f]/.test(key)) {
      key = PLACES[event.code];
      if (key === "/" && event.shiftKey) key = "?";
      else if (key && event.shiftKey) key = key.toUpperCase();
    }
    if (!Object.hasOwn(KEYS, key ?? "")) return;
    event.preventDefault();
    KEYS[key]();
  });

  if (location.hash) {
    const segment = document.querySelector(`.s[id="${CSS.escape(location.hash.slice(1))}"]`);
    if (segment) select(segment, "center");
  }
}
