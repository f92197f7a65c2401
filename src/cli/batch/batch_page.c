#include "batch_page.h"

#include <stdbool.h>
#include <string.h>

#include "batch_plan.h"
#include "cli/names.h"

/* ---- Parts of the page ---- */

/* What every contact sheet has: its style, its controls and the script that shows tiles as they
 * come into view. */

const char BATCH_PAGE_STYLE[] =
    ":root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif; }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0; background: Canvas; color: CanvasText; }\n"
    "header { position: sticky; top: 0; z-index: 1; padding: .5rem .75rem;\n"
    "  background: Canvas; border-bottom: 1px solid GrayText; }\n"
    "dl { display: flex; flex-wrap: wrap; gap: 0 .4rem; margin: 0 0 .4rem; font-size: .85rem; }\n"
    "dt { color: GrayText; }\n"
    "dd { margin: 0 .8rem 0 0; overflow-wrap: anywhere; }\n"
    "p { margin: 0 0 .4rem; }\n"
    "form { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; }\n"
    "input, select { font: inherit; padding: .25rem .4rem; max-width: 100%; }\n"
    "#search { flex: 1 1 12rem; min-width: 0; }\n"
    "#class { flex: 0 1 14rem; min-width: 0; }\n"
    "#count { font-variant-numeric: tabular-nums; white-space: nowrap; }\n"
    "main { display: grid; gap: .5rem; padding: .75rem;\n"
    "  grid-template-columns: repeat(auto-fill, minmax(min(12rem, 44vw), 1fr)); }\n"
    ".tile { display: flex; flex-direction: column; padding: 0; border: 1px solid GrayText;\n"
    "  border-radius: 4px; background: Canvas; color: inherit; font: inherit; text-align: left;\n"
    "  cursor: pointer; overflow: hidden; min-width: 0; content-visibility: auto;\n"
    "  contain-intrinsic-size: auto 14rem; }\n"
    ".tile:focus-visible { outline: 3px solid Highlight; }\n"
    ".tile img { width: 100%; aspect-ratio: 4 / 3; object-fit: contain; background: #8884; }\n"
    ".tile div { padding: .3rem .45rem; font-size: .85rem; overflow-wrap: anywhere; }\n"
    ".tile small { color: GrayText; }\n"
    ".bad { border-color: #c33; }\n"
    "dialog { width: 96vw; max-width: 96vw; height: 96vh; max-height: 96vh; padding: .5rem;\n"
    "  border: 1px solid GrayText; background: Canvas; color: CanvasText; }\n"
    "dialog[open] { display: flex; flex-direction: column; gap: .4rem; }\n"
    "dialog img { flex: 1; min-height: 0; object-fit: contain; }\n"
    "dialog p { margin: 0; overflow-wrap: anywhere; }\n"
    "dialog button { font: inherit; padding: .3rem .7rem; }\n"
    "::backdrop { background: #000c; }\n"
    "@media (max-width: 36rem) { header { position: static; } }\n";

const char BATCH_PAGE_BODY[] =
    "<form>\n"
    "<input type=\"search\" id=\"search\" placeholder=\"Search name or class\"\n"
    "  aria-label=\"Search\">\n"
    "<select id=\"class\" aria-label=\"Class\"><option value=\"\">All classes</option></select>\n"
    "<select id=\"state\" aria-label=\"State\"><option value=\"\">All images</option>\n"
    "<option value=\"right\">Class is the label</option>\n"
    "<option value=\"wrong\">Class is not the label</option>\n"
    "<option value=\"failed\">Failed</option></select>\n"
    "<select id=\"order\" aria-label=\"Order\"><option value=\"\">By name</option>\n"
    "<option value=\"up\">Least probable first</option>\n"
    "<option value=\"down\">Most probable first</option></select>\n"
    "<span id=\"count\"></span>\n"
    "</form>\n"
    "<noscript><p>The tiles need JavaScript; results.jsonl has the results.</p></noscript>\n"
    "</header>\n"
    "<main></main>\n"
    "<div id=\"end\"></div>\n"
    "<dialog><p></p><img alt=\"\"><div><button value=\"-1\">Previous</button>\n"
    "<button value=\"1\">Next</button> <button value=\"0\">Close</button></div></dialog>\n";

const char BATCH_PAGE_SCRIPT[] =
    "\"use strict\";\n"
    "const [ID, ADDRESS, CLASS, NAME, PROBABILITY, LABEL, MESSAGE] = [0, 1, 2, 3, 4, 5, 6];\n"
    "const STEP = 120;\n"
    "const byId = (id) => document.getElementById(id);\n"
    "const all = JSON.parse(byId(\"data\").textContent);\n"
    "const main = document.querySelector(\"main\");\n"
    "const dialog = document.querySelector(\"dialog\");\n"
    "let found = all, shown = 0, open = 0;\n"
    "\n"
    "const title = (tile) => tile[CLASS] === null ? \"failed\"\n"
    "  : (tile[NAME] || \"class \" + tile[CLASS]) + \" (\" + tile[CLASS] + \")\";\n"
    "const percent = (tile) => tile[PROBABILITY] === null ? \"\"\n"
    "  : (100 * tile[PROBABILITY]).toFixed(1) + \"\\u00a0%\";\n"
    "const words = all.map((tile) => (tile[ID] + \" \" + title(tile)).toLowerCase());\n"
    "\n"
    "function element(name, text, kind) {\n"
    "  const made = document.createElement(name);\n"
    "  made.textContent = text;\n"
    "  made.className = kind || \"\";\n"
    "  return made;\n"
    "}\n"
    "\n"
    "function picture(tile, image) {\n"
    "  image.alt = \"Heat map of \" + tile[ID] + \", \" + title(tile);\n"
    "  image.src = tile[ADDRESS];\n"
    "}\n"
    "\n"
    "function build(tile, place) {\n"
    "  const button = element(\"button\", \"\", \"tile\");\n"
    "  if (tile[MESSAGE] !== null) button.classList.add(\"bad\");\n"
    "  if (tile[ADDRESS] !== null) {\n"
    "    const image = document.createElement(\"img\");\n"
    "    image.loading = \"lazy\";\n"
    "    image.decoding = \"async\";\n"
    "    picture(tile, image);\n"
    "    button.append(image);\n"
    "  }\n"
    "  const lines = element(\"div\", title(tile) + \" \" + percent(tile));\n"
    "  const small = element(\"small\", \"\");\n"
    "  for (const part of tile[ID].split(/(?<=[/_])/)) {\n"
    "    small.append(part, document.createElement(\"wbr\"));\n"
    "  }\n"
    "  if (tile[MESSAGE] !== null) small.append(\": \" + tile[MESSAGE]);\n"
    "  lines.append(document.createElement(\"br\"), small);\n"
    "  button.append(lines);\n"
    "  button.addEventListener(\"click\", () => view(place));\n"
    "  return button;\n"
    "}\n"
    "\n"
    "function more() {\n"
    "  const until = Math.min(shown + STEP, found.length);\n"
    "  const tiles = [];\n"
    "  for (; shown < until; shown++) tiles.push(build(found[shown], shown));\n"
    "  main.append(...tiles);\n"
    "}\n"
    "\n"
    "/* The observer reports changes only: a new observation shows whether the end is still in "
    "view. "
    "*/\n"
    "const end = new IntersectionObserver((seen) => {\n"
    "  if (!seen.some((entry) => entry.isIntersecting) || shown === found.length) return;\n"
    "  more();\n"
    "  end.unobserve(byId(\"end\"));\n"
    "  end.observe(byId(\"end\"));\n"
    "}, { rootMargin: \"1200px\" });\n"
    "\n"
    "function isWanted(tile) {\n"
    "  const state = byId(\"state\").value;\n"
    "  const known = tile[CLASS] !== null && tile[LABEL] !== null;\n"
    "  if (state === \"failed\") return tile[MESSAGE] !== null;\n"
    "  if (state === \"right\") return known && tile[CLASS] === tile[LABEL];\n"
    "  if (state === \"wrong\") return known && tile[CLASS] !== tile[LABEL];\n"
    "  return true;\n"
    "}\n"
    "\n"
    "function choose() {\n"
    "  const asked = byId(\"search\").value.toLowerCase().split(/\\s+/).filter(Boolean);\n"
    "  const kind = byId(\"class\").value;\n"
    "  const sign = { up: 1, down: -1 }[byId(\"order\").value] || 0;\n"
    "  found = all.filter((tile, i) => (kind === \"\" || String(tile[CLASS]) === kind) &&\n"
    "    isWanted(tile) && asked.every((word) => words[i].includes(word)));\n"
    "  if (sign !== 0) found.sort((a, b) => sign * (a[PROBABILITY] - b[PROBABILITY]));\n"
    "  shown = 0;\n"
    "  main.replaceChildren();\n"
    "  byId(\"count\").textContent = found.length + \" of \" + all.length;\n"
    "  window.scrollTo(0, 0);\n"
    "  more();\n"
    "  end.unobserve(byId(\"end\"));\n"
    "  end.observe(byId(\"end\"));\n"
    "}\n"
    "\n"
    "function view(place) {\n"
    "  if (place < 0 || place >= found.length) return;\n"
    "  const tile = found[open = place];\n"
    "  const image = dialog.querySelector(\"img\");\n"
    "  image.hidden = tile[ADDRESS] === null;\n"
    "  if (image.hidden) image.removeAttribute(\"src\"); else picture(tile, image);\n"
    "  dialog.querySelector(\"p\").textContent = tile[ID] + \": \" +\n"
    "    (tile[MESSAGE] !== null ? tile[MESSAGE] : title(tile) + \" \" + percent(tile));\n"
    "  if (!dialog.open) dialog.showModal();\n"
    "}\n"
    "\n"
    "function listClasses() {\n"
    "  const counts = new Map();\n"
    "  for (const tile of all) {\n"
    "    if (tile[CLASS] === null) continue;\n"
    "    const entry = counts.get(tile[CLASS]) || [title(tile), 0];\n"
    "    entry[1]++;\n"
    "    counts.set(tile[CLASS], entry);\n"
    "  }\n"
    "  for (const [kind, [name, count]] of [...counts].sort((a, b) => a[0] - b[0])) {\n"
    "    byId(\"class\").append(new Option(name + \": \" + count, kind));\n"
    "  }\n"
    "}\n"
    "\n"
    "dialog.addEventListener(\"click\", (event) => {\n"
    "  const step = event.target.value;\n"
    "  if (step === \"0\" || event.target === dialog) dialog.close();\n"
    "  else if (step) view(open + Number(step));\n"
    "});\n"
    "dialog.addEventListener(\"keydown\", (event) => {\n"
    "  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];\n"
    "  if (step) view(open + step);\n"
    "});\n"
    "for (const id of [\"class\", \"state\", \"order\"]) byId(id).addEventListener(\"change\", "
    "choose);\n"
    "byId(\"search\").addEventListener(\"input\", choose);\n"
    "document.querySelector(\"form\").addEventListener(\"submit\", (event) => "
    "event.preventDefault());\n"
    "listClasses();\n"
    "choose();\n";

#define LINE_LIMIT ((size_t) 1 << 28)

/* More would be of no use to anybody, and too much for a browser. */
#define MOST_TILES 100000

/* JSON inside of a script element: no "</script>" may be in it. */
static void append_json(struct text *out, const json_t *value) {
    struct text plain = {.limit = LINE_LIMIT};
    json_append(&plain, value, 0);
    for (size_t i = 0; i < plain.length; i++) {
        if (plain.data[i] == '<') {
            text_append_string(out, "\\u003c");
        } else {
            text_append(out, plain.data + i, 1);
        }
    }
    out->failed = out->failed || plain.failed;
    text_free(&plain);
}

/* The path as a relative address: every byte that could mean something is written as %XX. null for
 * one that is too long; NULL if memory is short. */
static json_t *json_address(const char *path, bool escaped) {
    static const char PLAIN[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    struct text bytes = {.limit = NAME_LIMIT};
    struct text address = {.limit = 3 * NAME_LIMIT};
    batch_append_path(&bytes, path, escaped);
    for (size_t i = 0; i < bytes.length; i++) {
        if (strchr(PLAIN, bytes.data[i]) != NULL) {
            text_append(&address, bytes.data + i, 1);
        } else {
            text_printf(&address, "%%%02X", (unsigned char) bytes.data[i]);
        }
    }
    bool complete = text_check_memory(&bytes, "a name", NULL) == VITLRP_OK &&
                    text_check_memory(&address, "an address", NULL) == VITLRP_OK;
    json_t *value = complete ? json_null() : NULL;
    if (!bytes.failed && !address.failed && address.length > 0) {
        value = json_string(address.data);
    }
    text_free(&bytes);
    text_free(&address);
    return value;
}

/* The first picture among the files of a class. */
static json_t *json_picture(const json_t *files, bool escaped) {
    size_t i;
    json_t *file;
    json_array_foreach((json_t *) files, i, file) {
        const char *path = json_string_value(file);
        const char *extension = path == NULL ? "" : name_extension(path);
        if (strcmp(extension, ".png") == 0 || strcmp(extension, ".jpg") == 0) {
            return json_address(path, escaped);
        }
    }
    return json_null();
}

/* One tile as a list: id, address, class, name, probability, label, message. */
static void append_tile(struct text *out, const json_t *line, const json_t *of_class, bool *begun) {
    const json_t *message = json_object_get(line, "message");
    bool escaped = json_is_true(json_object_get(line, "escaped"));
    const json_t *members[] = {
        json_object_get(of_class, "class"), json_object_get(of_class, "name"),
        json_object_get(of_class, "probability"), json_object_get(line, "label"), message};
    json_t *tile = json_array();
    int wrong = json_array_append(tile, json_object_get(line, "id"));
    wrong |= json_array_append_new(tile, json_picture(json_object_get(of_class, "files"), escaped));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        wrong |= members[i] == NULL ? json_array_append_new(tile, json_null())
                                    : json_array_append(tile, (json_t *) members[i]);
    }
    text_append_string(out, *begun ? ",\n" : "\n");
    append_json(out, tile);
    out->failed = out->failed || wrong != 0;
    json_decref(tile);
    *begun = true;
}

static enum vitlrp_status append_tiles(const struct journal *journal, struct text *out,
                                       size_t count, struct vitlrp_error *err) {
    bool begun = false;
    for (size_t i = 0; i < count; i++) {
        json_t *line = NULL;
        size_t j;
        json_t *of_class;
        TRY(journal_read(journal, i, &line, err));
        append_tile(out, line, line, &begun);
        json_array_foreach(json_object_get(line, "further"), j, of_class) {
            append_tile(out, line, of_class, &begun);
        }
        json_decref(line);
    }
    return VITLRP_OK;
}

static void append_member(struct text *out, const json_t *object, const char *key,
                          const char *title) {
    const char *value = json_get_string(object, key);
    text_printf(out, "<dt>%s</dt><dd>", title);
    text_append_html(out, value == NULL ? "" : value);
    text_append_string(out, "</dd>");
}

static void append_head(struct text *out, const struct journal *journal, const json_t *config,
                        size_t tiles) {
    text_append_string(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                            "<meta name=\"viewport\" content=\"width=device-width\">\n"
                            "<title>Heat maps: ");
    const char *dataset = json_get_string(config, "dataset");
    text_append_html(out, dataset == NULL ? "" : dataset);
    text_printf(out, "</title>\n<style>\n%s</style>\n<header>\n<dl>", BATCH_PAGE_STYLE);
    append_member(out, config, "dataset", "Images");
    append_member(out, config, "model", "Model");
    append_member(out, json_object_get(config, "settings"), "method", "Method");
    append_member(out, config, "version", "vitlrp");
    text_append_string(out, "</dl>\n");
    if (tiles < journal->count) {
        text_printf(out, "<p>The first %zu of %zu images; results.jsonl has all.</p>\n", tiles,
                    journal->count);
    }
}

enum vitlrp_status batch_page(const struct journal *journal, const json_t *config, struct text *out,
                              struct vitlrp_error *err) {
    size_t tiles = journal->count < MOST_TILES ? journal->count : MOST_TILES;
    append_head(out, journal, config, tiles);
    text_append_string(out, BATCH_PAGE_BODY);
    text_append_string(out, "<script type=\"application/json\" id=\"data\">[");
    TRY(append_tiles(journal, out, tiles, err));
    text_printf(out, "\n]</script>\n<script>\n%s</script>\n</html>\n", BATCH_PAGE_SCRIPT);
    return text_check(out, "the page", err);
}
