// What a page of a report does: the look switch, the trials of a cell, the waterfall. Text of others is set as text only.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const data = JSON.parse(document.getElementById("data").textContent);

  function make(name, attributes = {}, ...children) {
    return filled(document.createElement(name), attributes, children);
  }

  function draw(name, attributes = {}, ...children) {
    return filled(document.createElementNS(SVG, name), attributes, children);
  }

  function filled(element, attributes, children) {
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children.filter((child) => child !== null).map((child) => (child instanceof Node ? child : String(child))));
    return element;
  }

  const slug = (verdict) => verdict.replaceAll(" ", "-");
  const seconds = (value) => (value === null ? "-" : value < 1 ? `${Math.round(value * 1000)} ms` : `${Number(value).toFixed(value < 10 ? 2 : 1)} s`);
  const icon = (name) => draw("svg", { class: "icon", "aria-hidden": "true" }, draw("use", { href: `#i-${name}` }));
  const badge = (verdict) => make("span", { class: `verdict ${slug(verdict)}` }, icon(slug(verdict)), verdict);

  // -- the look ------------------------------------------------------------------------------------------------------
  const LOOKS = ["system", "light", "dark"];
  const look = document.getElementById("look");

  function remembered() {
    try { return localStorage.getItem("riverrun-look"); } catch { return null; }
  }

  function show(name) {
    if (name === "system") delete document.documentElement.dataset.look;
    else document.documentElement.dataset.look = name;
    look.dataset.now = name;
    look.textContent = `Look: ${name}`;
    try { localStorage.setItem("riverrun-look", name); } catch { /* a page without storage forgets */ }
  }

  look.hidden = false;
  look.addEventListener("click", () => show(LOOKS[(LOOKS.indexOf(look.dataset.now) + 1) % LOOKS.length]));
  show(LOOKS.includes(remembered()) ? remembered() : "system");

  const save = document.getElementById("save");
  save.hidden = false;
  save.addEventListener("click", () => {
    const href = URL.createObjectURL(new Blob([JSON.stringify(data, null, 1)], { type: "application/json" }));
    make("a", { href, download: "riverrun-bench.json" }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
  });

  if (!data.trials) return;

  // -- lanes: one stream as ticks over time ---------------------------------------------------------------------------
  const TICKS = new Set(["text", "reasoning", "call", "event"]);
  const MARKS = new Set(["fault", "resume", "request", "end", "error", "hang"]);
  const ENDS = new Set(["end", "error"]);
  const mark = (kind, x, y) => draw("use", { href: `#m-${kind}`, class: `mark ${kind}`, x: `${x}%`, y });

  // Seconds to per cent of the width; where one stream takes far longer than the others, logarithmic beyond a second's part.
  function scaleTo(longest, isLog) {
    const knee = longest / 200;
    const place = (s) => (isLog ? Math.log1p(s / knee) / Math.log1p(longest / knee) : s / longest);
    return (s) => 1 + 96 * place(Math.max(0, Math.min(s, longest)));
  }

  function gapsOf(times, total) {
    const least = Math.max(total * 0.12, 0.02);
    return times.slice(1).map((at, n) => [times[n], at]).filter(([from, to]) => to - from >= least);
  }

  function laneOf(svg, trial, side, y, place) {
    const told = trial.moments.filter((moment) => moment.side === side);
    const all = trial.moments.map((moment) => moment.at_s).concat(trial.total_s);
    const times = side === "caller" ? [0, ...told.map((moment) => moment.at_s), trial.total_s] : told.map((moment) => moment.at_s);
    if (!times.length) return;
    svg.append(draw("line", { class: "flow", x1: `${place(times[0])}%`, x2: `${place(times.at(-1))}%`, y1: y, y2: y }));
    const taken = times.toSorted((a, b) => a - b);
    for (const [from, to] of gapsOf(taken, Math.max(...all))) {
      svg.append(draw("line", { class: "gap", x1: `${place(from)}%`, x2: `${place(to)}%`, y1: y, y2: y }));
      if (side === "caller" && place(to) - place(from) > 11)
        svg.append(draw("text", { class: "gap-text", x: `${(place(from) + place(to)) / 2}%`, y: y + 4, "text-anchor": "middle" }, seconds(to - from)));
    }
    for (const moment of told) {
      const x = place(moment.at_s);
      if (TICKS.has(moment.kind))
        svg.append(draw("line", { class: `tick ${side} ${moment.kind}`, x1: `${x}%`, x2: `${x}%`, y1: y - 6, y2: y + 6 }));
    }
    const isCut = side === "caller" && trial.verdict === "hang";
    const marks = told.filter((moment) => MARKS.has(moment.kind) && !(isCut && ENDS.has(moment.kind)));
    for (const moment of marks) svg.append(mark(moment.kind, place(moment.at_s), y));
    if (isCut) svg.append(mark("hang", place(trial.total_s), y));
  }

  function lanes(trial, place) {
    const told = `${trial.peer} under ${trial.fault}: ${trial.verdict}, ${trial.requests} requests, ${seconds(trial.total_s)}`;
    const svg = draw("svg", { class: "lanes", height: 52, role: "img", "aria-label": told });
    laneOf(svg, trial, "server", 15, place);
    laneOf(svg, trial, "caller", 37, place);
    return svg;
  }

  const apart = (ticks, place) => ticks.reduce((kept, s) => (kept.length && place(s) - place(kept.at(-1)) < 11 ? kept : [...kept, s]), []);

  function ticksOf(longest, isLog) {
    if (isLog) return apart([0, ...[0.01, 0.1, 1, 10, 100, 1000].flatMap((ten) => [ten, 2 * ten, 5 * ten])].filter((s) => s <= longest), scaleTo(longest, true));
    const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((each) => longest / each <= 6) || longest;
    return Array.from({ length: Math.floor(longest / step + 1e-9) + 1 }, (_, n) => n * step);
  }

  function axis(longest, isLog, place) {
    const svg = draw("svg", { class: "lanes", height: 24, "aria-hidden": "true" });
    for (const s of ticksOf(longest, isLog)) {
      svg.append(draw("line", { class: "rule", x1: `${place(s)}%`, x2: `${place(s)}%`, y1: 0, y2: 5 }));
      svg.append(draw("text", { x: `${place(s)}%`, y: 18, "text-anchor": s ? "middle" : "start" }, s ? `${Number(s.toFixed(2))} s` : "0"));
    }
    return svg;
  }

  const longestOf = (trials) => Math.max(0.001, ...trials.map((trial) => Math.max(trial.total_s, ...trial.moments.map((m) => m.at_s))));

  // -- the waterfall: a row a client under one fault ------------------------------------------------------------------
  const [chosenFault, chosenKind, chosenLog, streams] = ["fault", "kind", "log", "streams"].map((id) => document.getElementById(`w-${id}`));

  function waterfall() {
    const [wire, seed] = JSON.parse(chosenKind.value || "[null,null]");
    const fault = data.faults[Number(chosenFault.value)];
    const trials = data.peers.flatMap((peer) =>
      data.trials.filter((t) => t.peer === peer.name && t.fault === fault.name && t.wire === wire && t.seed === seed && t.moments.length).slice(0, 1));
    const longest = longestOf(trials);
    const place = scaleTo(longest, chosenLog.checked);
    const rows = trials.flatMap((trial) => [
      make("div", { class: "who" }, trial.peer, badge(trial.verdict)),
      make("div", { class: "lane" }, lanes(trial, place)),
    ]);
    const foot = [make("div", { class: "corner axis" }), make("div", { class: "axis" }, axis(longest, chosenLog.checked, place))];
    streams.replaceChildren(...(trials.length ? [...rows, ...foot] : [make("p", {}, "No timeline of these trials is kept in this page.")]));
  }

  if (streams) {
    for (const control of [chosenFault, chosenKind, chosenLog]) control.addEventListener("change", waterfall);
    waterfall();
  }

  // -- the trials of one cell -----------------------------------------------------------------------------------------
  const dialog = document.getElementById("trials");
  const head = document.getElementById("trials-head");
  const sheet = document.getElementById("sheet");

  function entry(name, value, isLong = false) {
    return value === "" || value === 0 ? null : make("div", isLong ? { class: "long" } : {}, make("dt", {}, name), make("dd", {}, value));
  }

  function facts(trial) {
    return make("dl", { class: "told" },
      entry("findings", trial.findings.join("; ")),
      entry("characters lost", trial.chars_lost), entry("characters doubled", trial.chars_doubled),
      entry("calls lost", trial.calls_lost), entry("calls doubled", trial.calls_doubled), entry("half a call", trial.calls_half),
      entry("tokens paid twice", trial.tokens_twice), entry("requests", trial.requests),
      entry("detection", seconds(trial.detection_s)), entry("recovery", seconds(trial.recovery_s)), entry("total", seconds(trial.total_s)),
      entry("said", trial.said, true));
  }

  function logRow(moment) {
    const cell = (side) => moment.side !== side
      ? make("td", { class: `${side} empty` })
      : make("td", { class: side }, make("span", { class: "kind" }, moment.request === null ? moment.kind : `${moment.kind} #${moment.request}`),
        moment.words ? make("span", { class: "said" }, moment.words) : null);
    return make("tr", { class: moment.kind }, make("td", { class: "at" }, Number(moment.at_s).toFixed(3)), cell("server"), cell("caller"));
  }

  function timeline(trial) {
    if (!trial.moments.length) return make("p", { class: "quiet" }, "No timeline of this trial is kept in this page; the file that --json writes has all of them.");
    const longest = longestOf([trial]);
    const place = scaleTo(longest, false);
    const columns = make("tr", {}, make("th", { class: "at", scope: "col" }, "s"), make("th", { scope: "col" }, "the server's log"), make("th", { scope: "col" }, "the caller's log"));
    return make("div", {},
      make("div", {}, lanes(trial, place), axis(longest, false, place)),
      document.getElementById("marks").content.cloneNode(true),
      make("table", { class: "log" }, make("caption", { class: "only-read" }, "Both logs, joined by time"), make("thead", {}, columns), make("tbody", {}, ...trial.moments.map(logRow))));
  }

  function choose(trials, chosen) {
    const buttons = trials.map((trial, n) => {
      const button = make("button", { type: "button", "aria-pressed": n === chosen }, `${trial.wire}, seed ${trial.seed}`, badge(trial.verdict));
      button.addEventListener("click", () => { choose(trials, n); sheet.querySelectorAll(".choose button")[n].focus(); });
      return button;
    });
    sheet.replaceChildren(make("div", { class: "choose", role: "group", "aria-label": "Trials" }, ...buttons), facts(trials[chosen]), timeline(trials[chosen]));
  }

  function open(cell) {
    const peer = data.peers[Number(cell.dataset.peer)];
    const fault = data.faults[Number(cell.dataset.fault)];
    const trials = data.trials.filter((trial) => trial.peer === peer.name && trial.fault === fault.name);
    const reason = fault.cannot_win[peer.name] || fault.cannot_win["*"];
    head.replaceChildren(make("h2", { id: "trials-name" }, `${peer.name} under ${fault.name}`),
      make("p", { class: "quiet" }, fault.title, reason ? ` Can not be won: ${reason}.` : ""));
    const worst = trials.findIndex((trial) => trial.verdict === cell.dataset.verdict && trial.moments.length);
    choose(trials, Math.max(worst, 0));
    dialog.showModal();
    dialog.scrollTop = 0;
    document.getElementById("close").focus();
  }

  document.getElementById("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  // One tab stop for the grid; the arrow keys move inside of it.
  const rows = Array.from(document.querySelectorAll(".grid tbody tr"), (row) => Array.from(row.querySelectorAll(".cell"))).filter((row) => row.length);
  const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  let stop = null;

  function stopAt(cell) {
    if (stop) stop.tabIndex = -1;
    stop = cell;
    stop.tabIndex = 0;
  }

  rows.flat().forEach((cell) => { cell.tabIndex = -1; });
  if (rows.length) stopAt(rows[0][0]);
  rows.forEach((row, down) => row.forEach((cell, right) => {
    cell.addEventListener("click", () => { stopAt(cell); open(cell); });
    cell.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      const next = step && rows[down + step[0]]?.[right + step[1]];
      if (!next) return;
      event.preventDefault();
      stopAt(next);
      next.focus();
    });
  }));
})();
