"use strict";
(() => {
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const [ROWS, COLUMNS] = data.grid;
const photo = byId("photo"), canvas = byId("map");
const buttons = [...document.querySelectorAll(".unit button")];
const LEAST_SIDE = 640;
const STRONGEST = 0.8;

/* Units by their place, or -1: the one that is pointed at, and the one that is kept. */
const state = { hover: -1, kept: -1, patch: -1 };

const dress = (text) => text.replace("-", "\u2212");
const short = (value) => dress(String(Number(value.toPrecision(3))));
const signed = (value) => (value > 0 ? "+" : "") + short(value);
const chosen = () => state.hover >= 0 ? state.hover : state.kept;

/* ---- The picture ---- */

/* The grid on the canvas. */
function seen() {
  const [left, top, width, height] = data.seen;
  return [left * canvas.width, top * canvas.height, width * canvas.width, height * canvas.height];
}

function frameOf(patch) {
  const [left, top, width, height] = seen();
  const x = patch % COLUMNS, y = Math.floor(patch / COLUMNS);
  return [left + x * width / COLUMNS, top + y * height / ROWS, width / COLUMNS, height / ROWS];
}

function outline(context, patch) {
  for (const [color, line] of [["#000", 4], ["#fff", 2]]) {
    context.strokeStyle = color;
    context.lineWidth = line;
    context.strokeRect(...frameOf(patch));
  }
}

/* What the model does not see. */
function darken(context) {
  const [left, top, width, height] = seen();
  const outside = new Path2D();
  outside.rect(0, 0, canvas.width, canvas.height);
  outside.rect(left, top, width, height);
  context.fillStyle = "rgb(0 0 0/.6)";
  context.fill(outside, "evenodd");
}

/* The photograph without its colours, and the map's in their place. */
function draw() {
  const values = chosen() >= 0 ? data.units[chosen()].map : data.whole;
  const peak = Math.max(...values.map(Math.abs));
  const context = canvas.getContext("2d");
  context.filter = "grayscale(1)";
  context.drawImage(photo, 0, 0, canvas.width, canvas.height);
  context.filter = "none";
  context.fillStyle = "rgb(255 255 255/.25)";
  context.fillRect(0, 0, canvas.width, canvas.height);
  values.forEach((value, patch) => {
    const strength = peak > 0 ? STRONGEST * Math.abs(value) / peak : 0;
    const [x, y, width, height] = frameOf(patch);
    context.fillStyle = `rgb(${value > 0 ? "220 20 30" : "20 60 220"}/${strength})`;
    context.fillRect(x, y, width, height);
  });
  darken(context);
  if (state.patch >= 0) outline(context, state.patch);
}

/* ---- Words ---- */

function tell() {
  const unit = chosen() >= 0 ? data.units[chosen()] : null;
  const rows = [];
  byId("chosen").textContent = unit === null ? "All that is explained"
    : unit.unit + (state.hover < 0 || state.hover === state.kept ? "" : " (pointed at)");
  if (unit !== null) {
    rows.push(["Share", `${signed(100 * unit.share)}\u00a0%`]);
    rows.push(["Relevance", `${signed(unit.relevance)}, most at ${unit.relevance_at}`]);
    rows.push(["Activation", `${short(unit.activation)} at ${unit.activation_at}`]);
    if (unit.drop !== null) rows.push(["Without it", `${data.output} ${signed(0 - unit.drop)}`]);
    if (unit.first_order_drop !== null) {
      rows.push(["To first order", `${data.output} ${signed(0 - unit.first_order_drop)}`]);
    }
  }
  if (state.patch >= 0) {
    const values = unit === null ? data.whole : unit.map;
    rows.push([`Patch ${Math.floor(state.patch / COLUMNS)},${state.patch % COLUMNS}`, signed(values[state.patch])]);
  }
  byId("facts").replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("div"), term = document.createElement("dt");
    const text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    row.append(term, text);
    return row;
  }));
}

function show() {
  buttons.forEach((button, i) => {
    button.setAttribute("aria-pressed", String(i === state.kept));
    button.classList.toggle("shown", i === state.hover);
  });
  draw();
  tell();
}

function set(change) {
  Object.assign(state, change);
  show();
}

/* ---- Pointers and keys ---- */

/* The unit beside this one, or that of the same column in the next block. */
function neighbour(place, key) {
  if (key === "ArrowLeft") return place - 1;
  if (key === "ArrowRight") return place + 1;
  const lists = [...document.querySelectorAll(".units")].map((list) =>
    [...list.querySelectorAll("button")].map((button) => buttons.indexOf(button)));
  const row = lists.findIndex((list) => list.includes(place));
  const next = lists[row + (key === "ArrowUp" ? -1 : 1)];
  return next === undefined ? -1 : next[Math.min(lists[row].indexOf(place), next.length - 1)];
}

function patchAt(event) {
  const box = canvas.getBoundingClientRect();
  const [left, top, width, height] = seen();
  const x = (event.clientX - box.left) / box.width * canvas.width - left;
  const y = (event.clientY - box.top) / box.height * canvas.height - top;
  const inside = x >= 0 && y >= 0 && x < width && y < height;
  return inside ? Math.floor(y / height * ROWS) * COLUMNS + Math.floor(x / width * COLUMNS) : -1;
}

buttons.forEach((button, i) => {
  button.addEventListener("pointerenter", (event) => {
    if (event.pointerType === "mouse") set({ hover: i });
  });
  button.addEventListener("pointerleave", () => set({ hover: -1 }));
  button.addEventListener("focus", () => set({ hover: i }));
  button.addEventListener("blur", () => set({ hover: -1 }));
  button.addEventListener("click", () => set({ kept: state.kept === i ? -1 : i, hover: -1 }));
});
document.addEventListener("keydown", (event) => {
  const place = buttons.indexOf(document.activeElement);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    set({ kept: -1, hover: -1 });
  } else if (place >= 0 && event.key.startsWith("Arrow")) {
    const next = buttons[neighbour(place, event.key)];
    event.preventDefault();
    if (next !== undefined) next.focus();
  }
});
canvas.addEventListener("pointermove", (event) => set({ patch: patchAt(event) }));
canvas.addEventListener("pointerdown", (event) => set({ patch: patchAt(event) }));
canvas.addEventListener("pointerleave", (event) => {
  if (event.pointerType === "mouse") set({ patch: -1 });
});

photo.decode().then(() => {
  const factor = Math.max(1, LEAST_SIDE / Math.max(photo.naturalWidth, photo.naturalHeight));
  canvas.width = Math.round(photo.naturalWidth * factor);
  canvas.height = Math.round(photo.naturalHeight * factor);
  document.body.classList.add("live");
  show();
});
})();
