"use strict";
(() => {
const byId = (id) => document.getElementById(id);
const units = [...document.querySelectorAll("article")];
const words = units.map((unit) => unit.dataset.words.toLowerCase());
const search = byId("search"), block = byId("block"), missing = byId("missing");

function choose() {
  const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  units.forEach((unit, i) => {
    unit.hidden = (block.value !== "" && unit.dataset.block !== block.value) ||
      !asked.every((word) => words[i].includes(word));
    if (!unit.hidden) shown++;
  });
  byId("count").textContent = shown + " of " + units.length + (units.length === 1 ? " unit" : " units");
}

/* The unit that the address names; one that is not here is said. */
function look() {
  let name = location.hash.slice(1);
  try { name = decodeURIComponent(name); } catch (error) { name = ""; }
  const unit = units.find((one) => one.id === name);
  missing.hidden = !/^[0-9]+:[a-z0-9]+:[0-9]+$/.test(name) || unit !== undefined;
  byId("absent").textContent = missing.hidden ? "" : name;
  if (unit === undefined) return;
  if (unit.hidden) {
    search.value = block.value = "";
    choose();
  }
  unit.scrollIntoView();
}

/* From the unit that has the focus, or else the last one that begins above the place where an address leads to. */
function step(by) {
  const shown = units.filter((unit) => !unit.hidden);
  let at = shown.indexOf(document.activeElement.closest("article"));
  if (at < 0) {
    const edge = parseFloat(getComputedStyle(units[0]).scrollMarginTop) + 1;
    at = shown.findIndex((unit) => unit.getBoundingClientRect().top > edge);
    at = (at < 0 ? shown.length : at) - 1;
  }
  const unit = shown[at + by];
  if (unit === undefined) return;
  unit.focus({ preventScroll: true });
  unit.scrollIntoView();
}

for (const number of new Set(units.map((unit) => unit.dataset.block))) {
  block.append(new Option("block " + number, number));
}
search.addEventListener("input", choose);
block.addEventListener("change", choose);
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  const typing = event.target === search || event.target === block;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target === search) {
    search.value = "";
    choose();
  } else if (!typing && event.key === "/") {
    event.preventDefault();
    search.focus();
  } else if (!typing && (event.key === "j" || event.key === "k")) {
    step(event.key === "j" ? 1 : -1);
  }
});
window.addEventListener("hashchange", look);
document.body.classList.add("live");
choose();
look();
})();
