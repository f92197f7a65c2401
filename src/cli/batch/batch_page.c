#include "batch_page.h"

#include <stdbool.h>
#include <string.h>

#include "batch_names.h"
#include "cli/names.h"

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

/* The path as a relative address: every byte that could mean something is written as %XX. */
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
    json_t *value = bytes.failed || address.failed || address.length == 0
                        ? json_null()
                        : json_string(address.data);
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

static enum vitlrp_status append_tiles(const struct batch_journal *journal, struct text *out,
                                       size_t count, struct vitlrp_error *err) {
    bool begun = false;
    for (size_t i = 0; i < count; i++) {
        json_t *line = NULL;
        size_t j;
        json_t *of_class;
        TRY(batch_journal_read(journal, i, &line, err));
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

static void append_head(struct text *out, const struct batch_journal *journal, const json_t *config,
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

enum vitlrp_status batch_page(const struct batch_journal *journal, const json_t *config,
                              struct text *out, struct vitlrp_error *err) {
    size_t tiles = journal->count < MOST_TILES ? journal->count : MOST_TILES;
    append_head(out, journal, config, tiles);
    text_append_string(out, BATCH_PAGE_BODY);
    text_append_string(out, "<script type=\"application/json\" id=\"data\">[");
    TRY(append_tiles(journal, out, tiles, err));
    text_printf(out, "\n]</script>\n<script>\n%s</script>\n</html>\n", BATCH_PAGE_SCRIPT);
    return out->failed ? fail(err, VITLRP_NOMEM, "out of memory for the page") : VITLRP_OK;
}
