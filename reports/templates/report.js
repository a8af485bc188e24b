"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const { clusters, documents, unit } = data;
const { trend, groups } = data.cuts;
const byNumber = new Map(clusters.map((cluster) => [cluster.cluster, cluster]));
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down"];
const PAGE = 50; // texts listed at a time
const LIFT = 16; // of a label above its cluster, in pixels
const state = { cluster: null, branch: null, words: [], from: null, to: null, groups: groups.map(() => null), shown: PAGE, asked: [], matches: [] };
const element = (id) => document.getElementById(id);
const map = element("map");
const isDark = matchMedia("(prefers-color-scheme: dark)");
const isNarrow = matchMedia("(max-width: 48rem)");
const lowered = documents.text.map((text) => text.toLowerCase());
const own = documents.mix.map((mix) => mix[0]); // each text's cluster
const onPage = new Map(clusters.map(({ cluster }) => [cluster, 0])); // texts of each cluster, without those left out
for (const number of own) onPage.set(number, onPage.get(number) + 1);
const percent = (share) => (100 * share).toFixed(0) + "%";

/* Text from outside becomes text on the page, and in Plotly's small markup too. */
function make(tag, text, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text !== null) made.textContent = text;
  return made;
}
const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const short = (text, length) => (text.length > length ? text.slice(0, length - 1) + "…" : text);
const nameOf = (number, length) => plain(short(byNumber.get(number).label, length));

/* Look of all charts */
function ink() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue("--" + name).trim();
  return { paper: color("paper"), ink: color("ink"), soft: color("soft"), line: color("line") };
}
function widths(font) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = font + " " + getComputedStyle(document.body).fontFamily;
  return (text) => context.measureText(text).width;
}
function layout(more) {
  const colors = ink();
  const axis = { gridcolor: colors.line, linecolor: colors.line, zeroline: false, automargin: true };
  return {
    paper_bgcolor: colors.paper, plot_bgcolor: colors.paper, showlegend: false, autosize: true,
    font: { color: colors.ink, family: getComputedStyle(document.body).fontFamily, size: 12 },
    margin: { l: 8, r: 8, t: 8, b: 8 }, ...more,
    xaxis: { ...axis, ...more.xaxis }, yaxis: { ...axis, ...more.yaxis },
  };
}
const settings = { displaylogo: false, responsive: true };

/* The map */
function hasWebGL() {
  const context = document.createElement("canvas").getContext("webgl");
  return Boolean(context && !context.isContextLost());
}
function drawMap() {
  const area = Math.max(3.5, Math.min(9, 260 / Math.sqrt(own.length)));
  const points = {
    type: hasWebGL() ? "scattergl" : "scatter", mode: "markers", hoverinfo: "none", x: documents.x, y: documents.y,
    marker: {
      size: area, opacity: 0.75, color: own.map((number) => byNumber.get(number).color),
      symbol: own.map((number) => SYMBOLS[byNumber.get(number).shape]),
    },
    unselected: { marker: { opacity: 0.05 } }, selected: { marker: { opacity: 0.95 } },
  };
  const filled = clusters.filter((cluster) => cluster.size);
  const colors = ink();
  const middles = {
    type: points.type, mode: "markers", hoverinfo: "none", x: filled.map((c) => c.x), y: filled.map((c) => c.y),
    customdata: filled.map((c) => c.cluster),
    marker: { size: 8, color: colors.paper, line: { width: 1.5, color: colors.ink } },
  };
  const bare = { visible: false };
  const dragmode = matchMedia("(pointer: coarse)").matches ? false : "pan";
  const config = { ...settings, scrollZoom: true, displayModeBar: true, modeBarButtons: [["zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]] };
  return Plotly.newPlot(map, [points, middles], layout({ xaxis: bare, yaxis: bare, dragmode, hovermode: "closest", hoverdistance: 12 }), config);
}

/* Labels of the largest clusters that do not cover each other; zooming in makes room for more. */
function labelMap() {
  const { xaxis, yaxis, _size: size } = map._fullLayout;
  const colors = ink();
  const width = widths("600 12px");
  const taken = [];
  const annotations = [];
  for (const cluster of clusters) {
    if (state.branch && !state.branch.finest.has(cluster.cluster)) continue;
    if (!cluster.size || (state.cluster !== null && state.cluster !== cluster.cluster)) continue;
    const text = short(cluster.label, isNarrow.matches ? 22 : 36);
    const [x, y] = [xaxis.l2p(cluster.x), yaxis.l2p(cluster.y) - LIFT];
    if (x < 0 || x > size.w || y < 0 || y > size.h) continue;
    const half = width(text) / 2 + 5;
    const shift = Math.max(half - x, 0) + Math.min(size.w - half - x, 0); // back into the picture
    const box = { left: x + shift - half, right: x + shift + half, top: y - 9, bottom: y + 9 };
    if (taken.some((o) => box.left < o.right && box.right > o.left && box.top < o.bottom && box.bottom > o.top)) continue;
    taken.push(box);
    annotations.push({
      x: cluster.x, y: cluster.y, text: "<b>" + plain(text) + "</b>", showarrow: false, xshift: shift, yshift: LIFT,
      font: { size: 12, color: colors.ink, shadow: Array(4).fill("0 0 2px " + colors.paper).join(",") },
    });
  }
  return Plotly.relayout(map, { annotations });
}

/* What is chosen: words, groups, a time, a cluster */
function isAsked(i) {
  if (!groups.every((group, g) => state.groups[g] === null || group.parts[i] === state.groups[g])) return false;
  return state.words.every((word) => lowered[i].includes(word));
}
function isInTime(i) {
  if (!trend || (state.from === null && state.to === null)) return true;
  const part = trend.parts[i];
  return part >= 0 && (state.from === null || part >= state.from) && (state.to === null || part <= state.to);
}
function update() {
  state.asked = [...own.keys()].filter(isAsked);
  const inside = state.asked.filter(isInTime);
  const isCut = inside.length < own.length;
  state.matches = inside.filter((i) => (state.cluster === null || own[i] === state.cluster) && (!state.branch || state.branch.finest.has(own[i])));
  state.matches.sort((one, other) => documents.probabilities[other][0] - documents.probabilities[one][0]);
  state.shown = PAGE;
  const all = state.cluster === null && !state.branch && !isCut;
  element("count").textContent = all ? "" : `${state.matches.length.toLocaleString("en")} of ${own.length.toLocaleString("en")} ${unit}`;
  element("reset").hidden = all;
  element("choose").value = state.cluster === null ? "" : state.cluster;
  for (const button of document.querySelectorAll("#legend button"))
    button.setAttribute("aria-pressed", String(Number(button.dataset.cluster) === state.cluster));
  for (const row of document.querySelectorAll("#clusters tbody tr"))
    row.setAttribute("aria-current", String(Number(row.dataset.cluster) === state.cluster));
  for (const button of document.querySelectorAll("#levels button"))
    button.setAttribute("aria-pressed", String(button === state.branch?.button));
  showCounts(isCut ? inside : null);
  drawTrend();
  Plotly.restyle(map, { selectedpoints: [all ? null : state.matches] }, [0]);
  labelMap();
  listTexts();
}
/* Texts of each cluster, in its list and its table: all, or of those on the page the ones inside the choice */
function showCounts(inside) {
  const counts = new Map(clusters.map((cluster) => [cluster.cluster, inside ? 0 : cluster.size]));
  for (const i of inside || []) counts.set(own[i], counts.get(own[i]) + 1);
  const say = (number) => counts.get(number).toLocaleString("en");
  for (const button of document.querySelectorAll("#legend button")) button.querySelector("small").textContent = say(Number(button.dataset.cluster));
  for (const row of document.querySelectorAll("#clusters tbody tr")) {
    const number = Number(row.dataset.cluster);
    row.cells[1].dataset.value = counts.get(number);
    row.cells[1].textContent = say(number) + (inside ? ` of ${onPage.get(number).toLocaleString("en")}` : "");
  }
}
function choose(number) {
  state.cluster = number === state.cluster ? null : number;
  state.branch = null;
  update();
}

/* A cluster of any level: all of the finest clusters in it */
function chooseBranch(button) {
  const isNew = state.branch?.button !== button;
  const { finest, label } = button.dataset;
  state.cluster = null;
  state.branch = isNew ? { button, label, finest: new Set(finest.split(" ").map(Number)) } : null;
  update();
  if (isNew) element("map-title").scrollIntoView();
}

/* Texts of the choice, and one of them in full */
function listTexts() {
  const items = state.matches.slice(0, state.shown).map((i) => {
    const button = make("button", null, { type: "button" });
    button.dataset.row = i;
    button.append(make("p", short(documents.text[i], 400), { dir: "auto" }));
    button.append(make("small", `${byNumber.get(own[i]).label} · ${percent(documents.probabilities[i][0])} · id ${documents.id[i]}`, { dir: "auto" }));
    const item = document.createElement("li");
    item.append(button);
    return item;
  });
  element("texts").replaceChildren(...items);
  element("texts").classList.toggle("chosen", state.matches.length < own.length);
  element("more").hidden = state.shown >= state.matches.length;
  const label = state.branch?.label ?? byNumber.get(state.cluster)?.label;
  const what = label === undefined ? "of all clusters" : `of “${label}”`;
  const parts = groups.filter((_, g) => state.groups[g] !== null).map((group) => `${group.column}: ${group.names[state.groups[groups.indexOf(group)]]}`);
  if (state.from !== null || state.to !== null) parts.push(`${trend.names[state.from ?? 0]} to ${trend.names[state.to ?? trend.names.length - 1]}`);
  const words = (state.words.length ? ` with “${state.words.join(" ")}”` : "") + (parts.length ? ` (${parts.join(", ")})` : "");
  element("texts-note").textContent = state.matches.length
    ? `${unit[0].toUpperCase() + unit.slice(1)} ${what}${words}, the most certain first. Choose one to read it and see its mix of topics.`
    : `There are no ${unit} ${what}${words}.`;
}
function showText(i) {
  const mix = make("dl", null);
  documents.mix[i].forEach((number, rank) => {
    const share = documents.probabilities[i][rank];
    const bar = make("i", null);
    bar.style.width = 100 * share + "%";
    bar.style.background = byNumber.get(number).color;
    const track = make("dd", null);
    track.append(bar);
    mix.append(make("dt", byNumber.get(number).label, { dir: "auto" }), track, make("dd", percent(share)));
  });
  const facts = [`id ${documents.id[i]}`, ...(trend ? [`${trend.column}: ${trend.written[i]}`] : []), ...groups.map((group) => `${group.column}: ${group.names[group.parts[i]]}`)];
  const parts = [make("p", documents.text[i], { dir: "auto" }), make("small", facts.join(" · "), { dir: "auto" }), mix];
  if (documents.topics) {
    const topics = documents.topics[i].map(([number, share]) => `${byNumber.get(number).label} ${percent(share)}`);
    parts.push(make("p", `Its whole text: ${topics.join("; ")}`, { dir: "auto" }));
  }
  element("mix").replaceChildren(...parts);
  element("mix").hidden = false;
  document.dispatchEvent(new CustomEvent("text-shown", { detail: i }));
  element("mix").scrollIntoView({ block: "nearest" });
}

/* What the pointer is over */
function showTip(event) {
  const point = event.points[0];
  const tip = element("tip");
  const i = point.pointNumber;
  const cluster = byNumber.get(point.curveNumber === 0 ? own[i] : point.customdata);
  const parts = point.curveNumber === 0
    ? [make("p", short(documents.text[i], 260), { dir: "auto" }), make("b", cluster.label, { dir: "auto" }), make("small", " " + percent(documents.probabilities[i][0]))]
    : [make("b", cluster.label, { dir: "auto" }), make("small", ` ${cluster.size.toLocaleString("en")} ${unit}`), make("p", cluster.keywords.join(", "), { dir: "auto" })];
  tip.replaceChildren(...parts);
  tip.hidden = false;
  const { xaxis, yaxis, _size: size } = map._fullLayout;
  const [x, y] = [size.l + xaxis.l2p(point.x), size.t + yaxis.l2p(point.y)];
  const left = x + 14 + tip.offsetWidth > map.clientWidth ? x - 14 - tip.offsetWidth : x + 14;
  tip.style.left = Math.max(4, left) + "px";
  tip.style.top = Math.max(4, Math.min(y - 10, map.clientHeight - tip.offsetHeight - 4)) + "px";
}

/* The table */
function sortTable(head) {
  const column = head.cellIndex;
  const before = head.getAttribute("aria-sort");
  const turned = before === "ascending" ? "descending" : "ascending";
  const direction = before === "none" ? head.querySelector("button").dataset.first : turned;
  for (const other of head.parentElement.cells) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const body = element("clusters").tBodies[0];
  const value = (row) => row.cells[column].dataset.value;
  const order = (one, other) => (column ? value(one) - value(other) : value(one).localeCompare(value(other)));
  body.replaceChildren(...[...body.rows].sort((one, other) => sign * order(one, other)));
}

/* The other charts */
function drawHierarchy() {
  const { lines, leaves } = data.hierarchy;
  if (!lines.length) return;
  const colors = ink();
  const joined = (axis) => lines.flatMap((line) => [...line[axis], null]); // one trace, with gaps, however many clusters
  const tree = { type: "scatter", mode: "lines", hoverinfo: "skip", x: joined("x"), y: joined("y"), line: { color: colors.soft, width: 1.5 } };
  const length = isNarrow.matches ? 18 : 44;
  const names = leaves.map((n) => `${short(byNumber.get(n).label, length)} · ${n}`);
  const room = 24 + Math.max(...names.map(widths("12px"))); // names as ticks take a minute where there are 1,500
  const ends = {
    type: "scatter", mode: "markers+text", hoverinfo: "none", text: names.map(plain), textposition: "middle left", cliponaxis: false, x: leaves.map(() => 0), y: leaves.map((_, i) => 10 * i + 5),
    marker: { size: 9, color: leaves.map((n) => byNumber.get(n).color), symbol: leaves.map((n) => SYMBOLS[byNumber.get(n).shape]) },
  };
  const yaxis = { range: [10 * leaves.length, 0], showgrid: false, showticklabels: false };
  const xaxis = { title: { text: "cosine distance" }, rangemode: "tozero" };
  element("hierarchy").style.height = 70 + 20 * leaves.length + "px";
  Plotly.newPlot("hierarchy", [tree, ends], layout({ xaxis, yaxis, margin: { l: room, r: 8, t: 8, b: 8 }, dragmode: false }), { ...settings, displayModeBar: false });
}
function drawConfusion() {
  if (!data.confusion) return;
  const { classes, clusters: numbers, counts } = data.confusion;
  const shares = counts.map((row) => { const sum = row.reduce((a, b) => a + b); return row.map((n) => n / sum); });
  const length = isNarrow.matches ? 14 : 30;
  const trace = {
    type: "heatmap", z: shares, customdata: counts, zmin: 0, zmax: 1, xgap: 1, ygap: 1, showscale: false,
    colorscale: [[0, ink().paper], [1, isDark.matches ? "#8ab8ff" : "#1f5fbf"]],
    hovertemplate: "class %{y}<br>cluster %{x}<br>%{customdata} texts, %{z:.0%} of the class<extra></extra>",
  };
  // Beyond some hundred, names hide each other, and take a minute to draw; pointing at a cell tells them.
  const ticks = (texts) => ({ tickvals: texts.map((_, i) => i), ticktext: texts, showgrid: false, showticklabels: texts.length <= 300, tickfont: { size: texts.length > 40 ? 8 : 11 } });
  const yaxis = { ...ticks(classes.map((name) => plain(short(name, length)))), autorange: "reversed" };
  const xaxis = { ...ticks(numbers.map((n) => nameOf(n, length))), tickangle: -90, side: "bottom" };
  element("confusion").style.height = 240 + Math.max(12, 30 - classes.length / 4) * classes.length + "px";
  Plotly.newPlot("confusion", [trace], layout({ xaxis, yaxis, dragmode: false }), { ...settings, displayModeBar: false });
}
function drawScores() {
  if (!data.scores) return;
  const { x, y, chosen } = data.scores;
  const blue = isDark.matches ? "#8ab8ff" : "#1f5fbf";
  const at = x.indexOf(chosen);
  const curve = { type: "scatter", mode: "lines+markers", x, y, line: { color: blue }, marker: { size: 5 }, hovertemplate: "%{x:,} clusters<br>score %{y:.3f}<extra></extra>" };
  const mark = { type: "scatter", mode: "markers+text", hoverinfo: "skip", cliponaxis: false, x: [chosen], y: [y[at]], marker: { size: 13, color: blue, line: { width: 2, color: ink().paper } }, text: [chosen.toLocaleString("en")], textposition: "top center" };
  const round = [2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000, 2000, 3000, 5000];
  const xaxis = { type: "log", title: { text: "number of clusters" }, tickvals: round.filter((k) => k >= x[0] && k <= x.at(-1)) };
  element("scores").style.height = "320px";
  Plotly.newPlot("scores", [curve, mark], layout({ xaxis, yaxis: { title: { text: "score" } }, margin: { l: 8, r: 8, t: 24, b: 8 }, dragmode: false }), { ...settings, displayModeBar: false });
}
/* Shares or counts over time, of the texts with the chosen words and groups */
function countPeriods() {
  if (state.asked.length === own.length) return trend.counts; // of all texts, where the page shows a sample
  const counts = trend.counts.map((row) => row.map(() => 0));
  for (const i of state.asked) if (trend.parts[i] >= 0) counts[own[i]][trend.parts[i]] += 1;
  return counts;
}
function drawTrend() {
  if (!trend) return;
  const ofShare = element("trend-kind").value === "share";
  const counts = countPeriods();
  const totals = trend.names.map((_, t) => counts.reduce((sum, row) => sum + row[t], 0));
  const changing = clusters.filter((cluster) => cluster.change).sort((one, other) => Math.abs(other.change) - Math.abs(one.change));
  const listed = state.branch ? clusters.filter((cluster) => state.branch.finest.has(cluster.cluster)) : changing.length ? changing : clusters;
  const shown = state.cluster === null ? listed.slice(0, 8) : [byNumber.get(state.cluster)];
  const traces = shown.map((cluster) => ({
    type: "scatter", mode: "lines+markers", name: plain(short(cluster.label, 40)), x: trend.names,
    y: counts[cluster.cluster].map((n, t) => (!ofShare ? n : totals[t] < trend.fewest ? null : n / totals[t])),
    line: { color: cluster.color }, marker: { size: 6, symbol: SYMBOLS[cluster.shape] },
    customdata: counts[cluster.cluster].map((n, t) => `${n.toLocaleString("en")} of ${totals[t].toLocaleString("en")} texts`),
    hovertemplate: "%{x}<br>%{customdata}<br>" + (ofShare ? "%{y:.1%}" : "%{y:,}"),
  }));
  const xaxis = { type: "category", nticks: isNarrow.matches ? 4 : 12, tickangle: 0 };
  const yaxis = { rangemode: "tozero", tickformat: ofShare ? ".0%" : "," };
  element("trend").style.height = "380px";
  const legend = { orientation: "h", y: -0.15 };
  Plotly.react("trend", traces, layout({ xaxis, yaxis, legend, showlegend: true, dragmode: false, margin: { l: 8, r: 8, t: 16, b: 8 } }), { ...settings, displayModeBar: false });
}
function drawCurves() {
  if (!element("sizes")) return;
  const blue = isDark.matches ? "#8ab8ff" : "#1f5fbf";
  const draw = (id, traces, yaxis) => {
    element(id).style.height = "230px";
    Plotly.newPlot(id, traces, layout({ xaxis: { title: { text: "epoch" }, rangemode: "tozero" }, yaxis: { rangemode: "tozero", ...yaxis }, dragmode: false }), { ...settings, displayModeBar: false });
  };
  for (const id of ["clustering_loss", "mlm_loss", "changed"]) {
    element(id).parentElement.hidden = data.curves[id].x.length < 2; // one point is no curve
    draw(id, [{ type: "scatter", mode: "lines+markers", ...data.curves[id], line: { color: blue }, marker: { size: 4 } }], id === "changed" ? { tickformat: ".1%" } : {});
  }
  const { x, y } = data.curves.sizes;
  const count = y.length ? y[0].length : 0;
  element("sizes").parentElement.hidden = x.length < 2;
  const known = count === clusters.length; // else clusters were edited since
  const sizes = [...Array(count).keys()].map((k) => ({
    type: "scatter", mode: "lines+markers", x, y: y.map((row) => row[k]), marker: { size: 4 },
    line: { width: 1.5, color: known ? byNumber.get(k).color : ink().soft },
    hovertemplate: (known ? nameOf(k, 40) : "cluster " + k) + `<br>%{y:,} ${unit}<extra></extra>`,
  }));
  draw("sizes", sizes, {});
}
function drawAll() {
  drawScores();
  drawHierarchy();
  drawConfusion();
  drawCurves();
  return drawMap().then(() => {
    map.on("plotly_hover", showTip);
    map.on("plotly_unhover", () => { element("tip").hidden = true; });
    map.on("plotly_click", (event) => {
      const point = event.points[0];
      if (point.curveNumber === 0) showText(point.pointNumber);
      else choose(point.customdata);
    });
    map.on("plotly_relayout", (change) => { if (!("annotations" in change)) labelMap(); });
    update();
  });
}

let waiting = 0;
element("search").addEventListener("input", (event) => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    state.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    update();
  }, 150);
});
element("choose").addEventListener("change", (event) => {
  state.cluster = event.target.value === "" ? null : Number(event.target.value);
  state.branch = null;
  update();
});
const chosen = (select) => (select.value === "" ? null : Number(select.value));
for (const end of trend ? ["from", "to"] : []) {
  element(end).addEventListener("change", (event) => {
    state[end] = chosen(event.target);
    update();
  });
}
for (const select of document.querySelectorAll("select.group")) {
  select.addEventListener("change", () => {
    state.groups[Number(select.dataset.group)] = chosen(select);
    update();
  });
}
if (trend) element("trend-kind").addEventListener("change", drawTrend);
document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
document.querySelector(".controls").addEventListener("reset", () => {
  Object.assign(state, { cluster: null, branch: null, words: [], from: null, to: null, groups: groups.map(() => null) });
  element("mix").hidden = true;
  setTimeout(update);
});
element("legend").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) choose(Number(button.dataset.cluster));
});
element("clusters").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.first) return sortTable(button.closest("th"));
  choose(Number(button.dataset.cluster));
  element("map-title").scrollIntoView();
});
element("levels")?.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) chooseBranch(button);
});
element("texts").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) showText(Number(button.dataset.row));
});
element("more").addEventListener("click", () => {
  state.shown += PAGE;
  listTexts();
});
isDark.addEventListener("change", drawAll);
drawAll().then(() => document.documentElement.setAttribute("data-ready", ""));
