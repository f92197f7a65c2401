"use strict";
(() => {
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const [ROWS, COLUMNS] = data.grid;
const PATCHES = ROWS * COLUMNS;
const MIDDLE = 128; /* of the 257 colours of a map */
const STRONGEST = 0.8; /* opacity of the last colour, as pictures have it */
const LEAST_SIDE = 640; /* small pictures are enlarged, so that a map on them is smooth */
const removal = data.removal;

/* What is looked at. hover and gone are patches or -1, set is a place in removal.sets or -1. */
const state = { target: 0, method: 0, part: 0, opacity: 1, underlay: data.underlay,
  upsample: data.upsample, hover: -1, gone: -1, set: -1 };

/* ---- Numbers and words ---- */

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const dress = (text) => text.replace("-", "\u2212");
const short = (value) => value === null ? "\u2013" : dress(String(Number(value.toPrecision(3))));
const signed = (value) => (value > 0 ? "+" : "") + short(value);
/* With the decimals that give `like` three digits: values that are compared have the same. */
const beside = (value, like) => {
  const digits = like === 0 ? 2 : clamp(2 - Math.floor(Math.log10(Math.abs(like))), 0, 12);
  return value === null ? "\u2013" : dress(value.toFixed(digits));
};
const percent = (value) => short(100 * value) + "\u00a0%";
const nameOf = (target) => data.classes[target.class].title +
  (target.versus === null ? "" : " less " + data.classes[target.versus].title);
const mapOf = (target, method, part) => data.maps.find((map) =>
  map.target === target && map.method === method && map.part === part);

/* The places of a map's patches in its order, the largest value first. */
function ranksOf(map) {
  if (!map.ranks) {
    const order = map.values.map((_, place) => place);
    order.sort((a, b) => map.values[b] - map.values[a] || a - b);
    map.ranks = new Array(PATCHES);
    order.forEach((patch, rank) => { map.ranks[patch] = rank; });
    map.order = order;
  }
  return map.ranks;
}

/* Of all values of the same sign. */
function shareOf(map, patch) {
  const value = map.values[patch];
  let sum = 0;
  for (const other of map.values) if (other * value > 0) sum += other;
  return sum === 0 ? 0 : value / sum;
}

/* ---- The map between its patches, as the program's pictures have it ---- */

/* The pixels of a line that a map covers, and where each lies among the cells. */
function axisOf(cells, start, span, size) {
  let begin = clamp(Math.ceil(start - 0.5), 0, size);
  let end = clamp(Math.ceil(start + span - 0.5), 0, size);
  if (end <= begin) {
    begin = clamp(Math.floor(start + span / 2), 0, size - 1);
    end = begin + 1;
  }
  const step = cells / span, first = [], part = [], nearest = [];
  for (let i = 0; i < end - begin; i++) {
    const place = (begin - start) * step + (i + 0.5) * step;
    const between = clamp(place - 0.5, 0, cells - 1);
    first.push(Math.floor(between));
    part.push(between - Math.floor(between));
    nearest.push(clamp(Math.floor(place), 0, cells - 1));
  }
  return { begin, end, first, part, nearest };
}

function slope(before, value, behind) {
  const rise = value - before, next = behind - value;
  return rise * next > 0 ? 2 * rise * next / (rise + next) : 0;
}

/* Hermite's cubic between two samples; never outside of the two. */
function cubic(t, left, right, leftSlope, rightSlope) {
  const square = t * t, cube = square * t;
  const value = (2 * cube - 3 * square + 1) * left + (3 * square - 2 * cube) * right +
    (cube - 2 * square + t) * leftSlope + (cube - square) * rightSlope;
  return clamp(value, Math.min(left, right), Math.max(left, right));
}

/* A value on a line of samples. */
function along(sample, count, first, t, upsample) {
  const at = (place) => sample(clamp(place, 0, count - 1));
  const left = at(first), right = at(first + 1);
  if (upsample === "bilinear") return left + t * (right - left);
  return cubic(t, left, right, slope(at(first - 1), left, right), slope(left, right, at(first + 2)));
}

/* The values of the covered pixels, row by row. */
function enlarge(values, across, down, upsample) {
  const width = across.end - across.begin, height = down.end - down.begin;
  const field = new Float32Array(width * height);
  const mixed = new Float32Array(COLUMNS);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < COLUMNS; x++) {
      mixed[x] = upsample === "nearest" ? values[down.nearest[y] * COLUMNS + x]
        : along((row) => values[row * COLUMNS + x], ROWS, down.first[y], down.part[y], upsample);
    }
    for (let x = 0; x < width; x++) {
      field[y * width + x] = upsample === "nearest" ? mixed[across.nearest[x]]
        : along((column) => mixed[column], COLUMNS, across.first[x], across.part[x], upsample);
    }
  }
  return field;
}

/* ---- Colours ---- */

const tables = data.colors.map((map) => {
  const rgb = new Uint8Array(map.rgb.length / 2);
  for (let i = 0; i < rgb.length; i++) rgb[i] = parseInt(map.rgb.slice(2 * i, 2 * i + 2), 16);
  return rgb;
});

/* The place of a value among the colours. */
function entryOf(scale, value) {
  const [low, high] = scale.range;
  const inside = clamp(value, low, high);
  if (scale.aroundZero) {
    const unit = Math.max(Math.abs(low), Math.abs(high));
    return unit > 0 ? Math.floor(clamp(inside / unit, -1, 1) * MIDDLE + MIDDLE + 0.5) : MIDDLE;
  }
  if (!(high > low)) return 0;
  return Math.floor((2 * (inside - low) / (high - low) - 1) * MIDDLE + MIDDLE + 0.5);
}

/* Per colour: how much of the photograph stays, of 256, and what is added. Around zero a colour
 * loses its neutral part, so that it tints the photograph and does not veil it. */
function blendOf(table, aroundZero, opacity) {
  const keep = new Int32Array(2 * MIDDLE + 1), add = new Int32Array(3 * (2 * MIDDLE + 1));
  for (let i = 0; i <= 2 * MIDDLE; i++) {
    const strength = aroundZero ? Math.abs(i - MIDDLE) / MIDDLE : i / (2 * MIDDLE);
    const alpha = Math.round(opacity * STRONGEST * strength * 256);
    let stretch = aroundZero ? (strength > 0 ? 1 / strength : 1) : 1;
    for (let c = 0; c < 3 && aroundZero; c++) {
      const neutral = table[3 * MIDDLE + c], step = table[3 * i + c] - neutral;
      const space = step > 0 ? 255 - neutral : neutral;
      if (Math.abs(step) * stretch > space) stretch = space / Math.abs(step);
    }
    keep[i] = 256 - alpha;
    for (let c = 0; c < 3; c++) {
      const neutral = aroundZero ? table[3 * MIDDLE + c] : table[3 * i + c];
      const color = neutral + (table[3 * i + c] - neutral) * stretch;
      add[3 * i + c] = Math.round(color * alpha) + 128;
    }
  }
  return { keep, add };
}

const luma = (rgb, at) => Math.floor((299 * rgb[at] + 587 * rgb[at + 1] + 114 * rgb[at + 2] + 500) / 1000);

/* ---- Pictures ---- */

/* A surface of the photograph's shape, at least so many pixels on its longer side. */
function surfaceOf(photo, factor) {
  const width = Math.max(1, Math.round(data.picture[0] * factor));
  const height = Math.max(1, Math.round(data.picture[1] * factor));
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(photo, 0, 0, width, height);
  const [left, top, spanX, spanY] = data.seen.map((value) => value * factor);
  return { width, height, factor, photo: context.getImageData(0, 0, width, height).data,
    across: axisOf(COLUMNS, left, spanX, width), down: axisOf(ROWS, top, spanY, height),
    fields: new Map() };
}

function fieldOf(surface, map, upsample) {
  const key = data.maps.indexOf(map) + upsample;
  if (!surface.fields.has(key)) {
    surface.fields.set(key, enlarge(map.values, surface.across, surface.down, upsample));
  }
  return surface.fields.get(key);
}

function paintMap(surface, map, scale, look) {
  const { width, height, across, down, photo } = surface;
  const out = new ImageData(width, height);
  const field = fieldOf(surface, map, look.upsample);
  const table = tables[map.color];
  const blend = blendOf(table, scale.aroundZero, look.opacity);
  out.data.set(photo);
  for (let y = down.begin, k = 0; y < down.end; y++) {
    for (let x = across.begin; x < across.end; x++, k++) {
      const at = 4 * (y * width + x), entry = entryOf(scale, field[k]);
      if (look.underlay === "none") {
        for (let c = 0; c < 3; c++) out.data[at + c] = table[3 * entry + c];
        out.data[at + 3] = Math.round(255 * look.opacity);
        continue;
      }
      const grey = look.underlay === "grey" ? 255 - ((255 - luma(photo, at)) * 154 >> 8) : -1;
      for (let c = 0; c < 3; c++) {
        const under = grey >= 0 ? grey : photo[at + c];
        out.data[at + c] = (under * blend.keep[entry] + blend.add[3 * entry + c]) >> 8;
      }
    }
  }
  return out;
}

/* The photograph with the patches of `isGone` covered. */
function paintPatches(surface, isGone) {
  const { width, height, across, down, photo } = surface;
  const out = new ImageData(width, height);
  out.data.set(photo);
  for (let y = down.begin; y < down.end; y++) {
    for (let x = across.begin; x < across.end; x++) {
      const patch = down.nearest[y - down.begin] * COLUMNS + across.nearest[x - across.begin];
      if (!isGone(patch)) continue;
      const level = (x + y) % 12 < 2 ? 150 : 128;
      out.data.fill(level, 4 * (y * width + x), 4 * (y * width + x) + 3);
    }
  }
  return out;
}

function frameOf(patch) {
  const [left, top, width, height] = data.seen.map((value) => value * main.factor);
  return [left + patch % COLUMNS * width / COLUMNS, top + Math.floor(patch / COLUMNS) * height / ROWS,
    width / COLUMNS, height / ROWS];
}

/* Two lines, so that one is seen on any ground. */
function outline(context, patch, isThick) {
  const frame = frameOf(patch), line = Math.max(1, main.width / 500) * (isThick ? 2 : 1);
  for (const [color, width] of [["#000", 2 * line + 1], ["#fff", line]]) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.strokeRect(...frame);
  }
}

/* ---- The page ---- */

const photo = byId("photo");
const canvas = byId("map");
let main = null, drawn = null;

const currentMap = () => mapOf(state.target, state.method, state.part);
const scaleOf = (map) => ({ range: map.range, aroundZero: map.around_zero });

function draw() {
  const context = canvas.getContext("2d");
  const map = currentMap();
  const set = state.set >= 0 ? removal.sets[state.set] : null;
  const key = JSON.stringify([state.target, state.method, state.part, state.opacity, state.underlay,
    state.upsample, state.set]);
  if (drawn === null || drawn.key !== key) {
    const isIn = set === null ? null : new Set(set.patches);
    drawn = { key, picture: set === null ? paintMap(main, map, scaleOf(map), state)
      : paintPatches(main, (patch) => isIn.has(patch) === (set.goal === "flips")) };
  }
  context.putImageData(drawn.picture, 0, 0);
  if (state.gone >= 0 && set === null) {
    const [x, y, width, height] = frameOf(state.gone);
    context.fillStyle = "#808080";
    context.fillRect(x, y, width, height);
    outline(context, state.gone, true);
  }
  if (state.hover >= 0) outline(context, state.hover, false);
}

function setText(id, text) {
  byId(id).textContent = text;
}

function tellBar() {
  const map = currentMap(), bar = byId("colors");
  const context = bar.getContext("2d");
  const picture = new ImageData(2 * MIDDLE + 1, 1);
  const [low, high] = map.range;
  const end = map.around_zero ? Math.max(Math.abs(low), Math.abs(high)) : high;
  for (let i = 0; i <= 2 * MIDDLE; i++) {
    for (let c = 0; c < 3; c++) picture.data[4 * i + c] = tables[map.color][3 * i + c];
    picture.data[4 * i + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
  setText("bar-low", map.around_zero ? signed(-end) : short(low));
  setText("bar-middle", map.around_zero ? "0" : "");
  setText("bar-high", map.around_zero ? signed(end) : short(high));
  setText("bar-unit", data.methods[state.method].unit + " per patch");
}

/* "logit 5.94, 36.5 %", without a patch where one is given. */
function saysOf(target, patch) {
  const classes = [target.class, target.versus].filter((place) => place !== null);
  const logits = classes.map((place) => patch < 0 ? data.classes[place].logit
    : removal.single.logits[place][patch]);
  const chances = classes.map((place) => patch < 0 ? data.classes[place].probability
    : removal.single.probabilities[place][patch]);
  const of = (numbers) => numbers.length === 2 ? numbers[0] - numbers[1] : numbers[0];
  return { logit: of(logits), chance: chances.includes(null) ? null : of(chances) };
}

function tellPatch() {
  const map = currentMap(), target = data.targets[state.target];
  const patch = state.hover >= 0 ? state.hover : state.gone;
  const list = byId("facts");
  const rows = [];
  if (patch >= 0) {
    rows.push(["Patch", `row ${Math.floor(patch / COLUMNS) + 1}, column ${patch % COLUMNS + 1}`]);
    rows.push(["Value", `${map.around_zero ? signed(map.values[patch]) : short(map.values[patch])} ` +
      data.methods[state.method].unit]);
    rows.push(["Rank", `${ranksOf(map)[patch] + 1} of ${PATCHES}`]);
    rows.push(["Share", percent(shareOf(map, patch)) + (map.values[patch] < 0 ? " of all against"
      : map.around_zero ? " of all for" : " of all")]);
  }
  if (state.gone >= 0 && state.set < 0) {
    const whole = saysOf(target, -1), without = saysOf(target, state.gone);
    const top = removal.single.top[state.gone];
    const unit = target.versus === null ? data.output : data.output + " difference";
    rows.push([`Without ${state.hover >= 0 && state.hover !== state.gone ? "the one taken away" : "it"}`,
      `${unit} ${beside(whole.logit, whole.logit)} \u2192 ${beside(without.logit, whole.logit)} ` +
      `(${signed(without.logit - whole.logit)})` +
      (without.chance === null ? "" : `, ${percent(whole.chance)} \u2192 ${percent(without.chance)}`)]);
    rows.push(["Then first", removal.names[top]]);
  }
  list.replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("div"), term = document.createElement("dt");
    const text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    row.append(term, text);
    return row;
  }));
  byId("hint").hidden = rows.length > 0;
  byId("take").disabled = removal === null || patch < 0;
  setText("take", state.gone >= 0 && (state.hover < 0 || state.hover === state.gone)
    ? "Put the patch back" : "Take the patch away");
}

/* For those who do not see the picture; not for every move of a mouse. */
function say() {
  setText("said", [...byId("facts").children].map((row) =>
    row.children[0].textContent + ": " + row.children[1].textContent).join("; "));
}

function tellTop() {
  const map = currentMap(), target = data.targets[state.target];
  ranksOf(map);
  const body = byId("top").tBodies[0];
  body.replaceChildren(...map.order.slice(0, 10).map((patch, rank) => {
    const row = body.insertRow();
    const cells = [rank + 1, `${Math.floor(patch / COLUMNS) + 1}, ${patch % COLUMNS + 1}`,
      map.around_zero ? signed(map.values[patch]) : short(map.values[patch]), percent(shareOf(map, patch))];
    if (removal !== null) cells.push(beside(saysOf(target, patch).logit, saysOf(target, -1).logit));
    cells.forEach((text, place) => {
      const cell = row.insertCell();
      if (place !== 1) {
        cell.textContent = text;
        return;
      }
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.addEventListener("click", () => { state.hover = patch; state.set = -1; show(); say(); });
      cell.append(button);
    });
    return row;
  }));
}

function tellTarget() {
  const map = currentMap(), target = data.targets[state.target], says = saysOf(target, -1);
  const method = data.methods[state.method];
  canvas.setAttribute("aria-label", `Heat map of ${nameOf(target)} by ${method.name}, ` +
    `${ROWS} rows of ${COLUMNS} patches. Arrow keys move from patch to patch` +
    (removal === null ? "." : ", Enter takes a patch away and puts it back."));
  setText("explained", `${nameOf(target)}, ${method.name}: ` +
    `${target.versus === null ? data.output : data.output + " difference"} ${short(says.logit)}` +
    (method.has_ledger ? `, of which the map holds ${short(map.sum)}` : ""));
  setText("summary", method.summary);
  for (const button of byId("targets").children) {
    button.setAttribute("aria-pressed", String(Number(button.value) === state.target));
  }
  for (const button of document.querySelectorAll("#sets button")) {
    button.setAttribute("aria-pressed", String(Number(button.value) === state.set));
  }
}

function show() {
  draw();
  tellPatch();
}

function showAll() {
  tellTarget();
  tellBar();
  tellTop();
  drawStrip();
  show();
}

/* ---- Side by side: one scale for all classes of a method ---- */

let small = null;

function drawStrip() {
  const strip = byId("targets");
  const maps = data.targets.map((_, place) => mapOf(place, state.method, state.part));
  const around = maps.some((map) => map.around_zero);
  const peak = Math.max(...maps.map((map) => Math.max(Math.abs(map.range[0]), Math.abs(map.range[1]))));
  const range = around ? [-peak, peak]
    : [Math.min(...maps.map((map) => map.range[0])), Math.max(...maps.map((map) => map.range[1]))];
  [...strip.children].forEach((button, place) => {
    const scale = { range, aroundZero: maps[place].around_zero };
    const look = { ...state, opacity: 1, underlay: "grey" };
    button.firstChild.getContext("2d").putImageData(paintMap(small, maps[place], scale, look), 0, 0);
  });
}

function buildStrip() {
  const strip = byId("targets");
  if (data.targets.length < 2) {
    byId("beside").remove();
    strip.replaceChildren();
    return;
  }
  data.targets.forEach((target, place) => {
    const button = document.createElement("button"), picture = document.createElement("canvas");
    const says = saysOf(target, -1);
    picture.width = small.width;
    picture.height = small.height;
    picture.setAttribute("aria-hidden", "true");
    button.type = "button";
    button.value = String(place);
    button.append(picture, `${nameOf(target)}: ` + (says.chance === null ? short(says.logit)
      : target.versus === null ? percent(says.chance) : `${signed(says.logit)} ${data.output}`));
    button.addEventListener("click", () => { choose("target", place); });
    strip.append(button);
  });
  byId("beside").hidden = false;
}

/* ---- Controls ---- */

function choose(key, value) {
  state[key] = value;
  if (key !== "set") state.set = -1;
  const control = byId(key);
  if (control) control.value = String(value);
  showAll();
}

/* A list without a choice is not shown. */
function fill(id, titles) {
  byId(id).replaceChildren(...titles.map((title, place) => new Option(title, String(place))));
  byId(id).closest("label").hidden = titles.length < 2;
  byId(id).addEventListener("change", () => choose(id, Number(byId(id).value)));
}

function patchAt(event) {
  const box = canvas.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width * main.width;
  const y = (event.clientY - box.top) / box.height * main.height;
  const [left, top, width, height] = data.seen.map((value) => value * main.factor);
  const column = Math.floor((x - left) / width * COLUMNS), row = Math.floor((y - top) / height * ROWS);
  const isInside = column >= 0 && column < COLUMNS && row >= 0 && row < ROWS;
  return isInside ? row * COLUMNS + column : -1;
}

function toggle(patch) {
  if (removal === null || patch < 0) return;
  state.gone = state.gone === patch ? -1 : patch;
  state.set = -1;
  tellTarget();
  show();
  say();
}

/* Where a key leads from a patch. */
function step(patch, key) {
  const map = currentMap(), row = Math.floor(patch / COLUMNS), column = patch % COLUMNS;
  const ranks = ranksOf(map);
  switch (key) {
  case "ArrowLeft": return row * COLUMNS + Math.max(column - 1, 0);
  case "ArrowRight": return row * COLUMNS + Math.min(column + 1, COLUMNS - 1);
  case "ArrowUp": return Math.max(row - 1, 0) * COLUMNS + column;
  case "ArrowDown": return Math.min(row + 1, ROWS - 1) * COLUMNS + column;
  case "Home": return map.order[0];
  case "End": return map.order[PATCHES - 1];
  case "PageDown": return map.order[Math.min(ranks[patch] + 1, PATCHES - 1)];
  case "PageUp": return map.order[Math.max(ranks[patch] - 1, 0)];
  default: return -1;
  }
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const from = state.hover >= 0 ? state.hover : currentMap().order[0];
  if (event.key === "Enter" || event.key === " ") {
    toggle(from);
    state.hover = from;
  } else if (event.key === "Escape") {
    state.gone = state.hover = -1;
  } else {
    const patch = step(from, event.key);
    if (patch < 0) return;
    state.hover = state.hover < 0 ? from : patch;
  }
  event.preventDefault();
  show();
  say();
}

function listen() {
  canvas.addEventListener("pointermove", (event) => {
    const patch = patchAt(event);
    if (patch !== state.hover) { state.hover = patch; show(); }
  });
  canvas.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") { state.hover = -1; show(); }
  });
  canvas.addEventListener("click", (event) => {
    state.hover = patchAt(event);
    toggle(state.hover);
    show();
  });
  canvas.addEventListener("keydown", onKey);
  canvas.addEventListener("focus", () => {
    if (state.hover < 0 && canvas.matches(":focus-visible")) { state.hover = currentMap().order[0]; show(); say(); }
  });
  byId("take").addEventListener("click", () => toggle(state.hover >= 0 ? state.hover : state.gone));
  byId("opacity").addEventListener("input", () => {
    state.opacity = Number(byId("opacity").value) / 100;
    state.set = -1;
    show();
  });
  for (const id of ["underlay", "upsample"]) {
    byId(id).value = state[id];
    byId(id).addEventListener("change", () => choose(id, byId(id).value));
  }
  for (const button of document.querySelectorAll("#sets button")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      choose("set", state.set === Number(button.value) ? -1 : Number(button.value));
    });
  }
}

async function start() {
  await photo.decode();
  const side = Math.max(...data.picture);
  main = surfaceOf(photo, Math.max(1, Math.ceil(LEAST_SIDE / side)));
  small = surfaceOf(photo, Math.min(1, 240 / side));
  canvas.width = main.width;
  canvas.height = main.height;
  fill("target", data.targets.map(nameOf));
  fill("method", data.methods.map((method) => method.name));
  fill("part", data.parts.map((part) => part.title));
  ranksOf(currentMap());
  buildStrip();
  listen();
  showAll();
  document.documentElement.classList.add("live");
}

start();
})();
