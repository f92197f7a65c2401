#include "batch_page.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/page_frame.h"
#include "base/settings_json.h"
#include "batch_line.h"
#include "batch_plan.h"
#include "cli/names.h"
#include "vitlrp.h"

/* More would be of no use to anybody, and too much for a browser. */
#define MOST_TILES 100000

/* The path as a relative address. null for one that is too long; NULL if memory is short. */
static json_t *json_address(const char *path, bool escaped) {
    struct text bytes = {.limit = NAME_LIMIT};
    struct text address = {.limit = 3 * NAME_LIMIT};
    batch_append_path(&bytes, path, escaped);
    page_append_address(&address, bytes.data, bytes.length);
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

/* The small picture of that kind among those of a class. */
static json_t *json_small(const json_t *of_class, enum batch_file kind, bool escaped) {
    const json_t *names = json_object_get(of_class, "thumbnails");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *path = json_string_value(json_array_get(names, i));
        size_t length = path == NULL ? 0 : strlen(path);
        bool is_photo = length > 10 && strcmp(path + length - 10, ".photo.jpg") == 0;
        if (path != NULL && is_photo == (kind == BATCH_PHOTO)) {
            return json_address(path, escaped);
        }
    }
    return json_null();
}

static int append_member_of(json_t *tile, const json_t *object, const char *key) {
    json_t *member = json_object_get(object, key);
    return member == NULL ? json_array_append_new(tile, json_null())
                          : json_array_append(tile, member);
}

/* One tile as a list, in the order of the script's names. */
static void append_tile(struct text *out, const json_t *line, const json_t *of_class, bool *begun) {
    static const char *const OF_CLASS[] = {"class", "name", "probability"};
    static const char *const OF_LINE[] = {"label",     "message",        "label_name",
                                          "predicted", "predicted_name", "predicted_probability"};
    bool escaped = json_is_true(json_object_get(line, "escaped"));
    json_t *tile = json_array();
    int wrong = json_array_append(tile, json_object_get(line, "id"));
    wrong |= json_array_append_new(tile, json_picture(json_object_get(of_class, "files"), escaped));
    for (size_t i = 0; i < sizeof OF_CLASS / sizeof OF_CLASS[0]; i++) {
        wrong |= append_member_of(tile, of_class, OF_CLASS[i]);
    }
    for (size_t i = 0; i < sizeof OF_LINE / sizeof OF_LINE[0]; i++) {
        wrong |= append_member_of(tile, line, OF_LINE[i]);
    }
    wrong |= json_array_append_new(tile, json_small(line, BATCH_PHOTO, escaped));
    wrong |= json_array_append_new(tile, json_small(of_class, BATCH_THUMB, escaped));
    text_append_string(out, *begun ? ",\n" : "\n");
    page_append_json(out, tile);
    out->failed = out->failed || wrong != 0;
    json_decref(tile);
    *begun = true;
}

/* Sums of coarse maps, by class: {"281": [class, name, count, rows, columns, [sums]]}. A map of
 * another shape than the first of its class is passed over. */
static bool add_to_mean(json_t *means, const json_t *of_class) {
    const json_t *coarse = json_object_get(of_class, "coarse");
    const json_t *percent = json_object_get(coarse, "percent");
    json_t *rows = json_object_get(coarse, "rows");
    json_t *columns = json_object_get(coarse, "columns");
    json_int_t class_index = json_integer_value(json_object_get(of_class, "class"));
    char key[24];
    bool complete = true;
    if (coarse == NULL) {
        return true;
    }
    snprintf(key, sizeof key, "%lld", (long long) class_index);
    json_t *mean = json_object_get(means, key);
    if (mean == NULL) {
        mean = json_pack("[I, O, i, O, O, o]", class_index, json_object_get(of_class, "name"), 1,
                         rows, columns, json_deep_copy(percent));
        json_set(means, key, mean, &complete);
        return complete;
    }
    json_t *sums = json_array_get(mean, 5);
    if (json_equal(json_array_get(mean, 3), rows) && json_equal(json_array_get(mean, 4), columns)) {
        json_t *count = json_array_get(mean, 2);
        json_integer_set(count, json_integer_value(count) + 1);
        for (size_t i = 0; i < json_array_size(sums); i++) {
            json_t *sum = json_array_get(sums, i);
            json_integer_set(sum, json_integer_value(sum) +
                                      json_integer_value(json_array_get(percent, i)));
        }
    }
    return true;
}

static bool append_class(struct text *out, json_t *means, const json_t *line,
                         const json_t *of_class, bool *begun) {
    append_tile(out, line, of_class, begun);
    return add_to_mean(means, of_class);
}

static enum vitlrp_status append_tiles(const struct journal *journal, struct text *out,
                                       size_t count, json_t *means, struct vitlrp_error *err) {
    bool begun = false;
    bool complete = true;
    for (size_t i = 0; i < count; i++) {
        json_t *line = NULL;
        size_t j;
        json_t *of_class;
        TRY(journal_read(journal, i, &line, err));
        complete = complete && append_class(out, means, line, line, &begun);
        json_array_foreach(json_object_get(line, "further"), j, of_class) {
            complete = complete && append_class(out, means, line, of_class, &begun);
        }
        json_decref(line);
    }
    return complete ? VITLRP_OK : fail(err, VITLRP_NOMEM, "out of memory for the mean maps");
}

/* The script's list of means, in the order in which their classes were met. */
static void append_means(struct text *out, const json_t *means) {
    const char *key;
    json_t *mean;
    json_t *list = json_array();
    bool complete = list != NULL;
    json_object_foreach((json_t *) means, key, mean) {
        complete = complete && json_array_append(list, mean) == 0;
    }
    text_append_string(out, "<script type=\"application/json\" id=\"means\">");
    page_append_json(out, list);
    text_append_string(out, "</script>\n");
    out->failed = out->failed || !complete;
    json_decref(list);
}

static void append_member(struct text *out, const char *value, const char *title) {
    text_printf(out, "<dt>%s</dt><dd>", title);
    page_append_text(out, value == NULL ? "" : value);
    text_append_string(out, "</dd>");
}

/* "Heat maps of val", or "Heat maps of 40 images" where the folder was called "." or "..". */
static void append_title(struct text *out, const json_t *config, size_t images) {
    const char *dataset = json_get_string(config, "dataset");
    const char *shown = dataset == NULL ? "" : text_path_shown(dataset);
    bool is_named = shown[strspn(shown, "./")] != '\0';
    text_append_string(out, "Heat maps of ");
    if (is_named) {
        text_append_string(out, shown);
    } else {
        text_printf(out, "%zu image%s", images, images == 1 ? "" : "s");
    }
}

/* What the colours of the pictures mean, where they are the method's own, and the hatching. */
static void append_key(struct text *out, const json_t *settings) {
    const json_t *picture = json_object_get(settings, "picture");
    const char *method = json_get_string(settings, "method");
    const char *colors = json_get_string(picture, "cmap");
    struct vitlrp_method_info info;
    vitlrp_method_info_init(&info);
    bool is_map = json_number_value(json_object_get(picture, "top_percent")) == 0.0;
    bool is_known = method != NULL && vitlrp_method_describe(method, &info, NULL) == VITLRP_OK;
    text_append_string(out, "<p class=\"key\">");
    if (is_map && is_known && colors != NULL && strcmp(colors, "auto") == 0) {
        text_append_string(out, info.kind == VITLRP_MAP_SIGNED
                                    ? "Red speaks for the class, blue against it. "
                                    : "From dark to light is less to more. ");
    }
    text_append_string(out, "Hatched: not seen by the model.</p>\n");
}

static void append_head(struct text *out, const struct journal *journal, const json_t *config,
                        size_t tiles, const char *title) {
    const char *dataset = json_get_string(config, "dataset");
    const char *model = json_get_string(config, "model");
    text_append_string(out, "<header>\n<h1>");
    page_append_text(out, title);
    text_append_string(out, "</h1>\n<dl>");
    append_member(out, dataset == NULL ? NULL : text_path_shown(dataset), "Images");
    append_member(out, model == NULL ? NULL : text_path_tail(model, 2), "Model");
    append_member(out, json_get_string(json_object_get(config, "settings"), "method"), "Method");
    append_member(out, json_get_string(config, "version"), "vitlrp");
    text_append_string(out, "</dl>\n");
    append_key(out, json_object_get(config, "settings"));
    if (tiles < journal->count) {
        text_printf(out, "<p>The first %zu of %zu images; results.jsonl has all.</p>\n", tiles,
                    journal->count);
    }
}

static enum vitlrp_status append_data(const struct journal *journal, struct text *out, size_t tiles,
                                      struct vitlrp_error *err) {
    json_t *means = json_object();
    text_append_string(out, "<script type=\"application/json\" id=\"data\">[");
    enum vitlrp_status status = append_tiles(journal, out, tiles, means, err);
    text_append_string(out, "\n]</script>\n");
    if (status == VITLRP_OK) {
        append_means(out, means);
    }
    json_decref(means);
    return status;
}

enum vitlrp_status batch_page(const struct journal *journal, const json_t *config, struct text *out,
                              struct vitlrp_error *err) {
    size_t tiles = journal->count < MOST_TILES ? journal->count : MOST_TILES;
    const char *version = json_get_string(config, "version");
    struct text title = {.limit = NAME_LIMIT};
    append_title(&title, config, journal->count);
    /* A page that is opened from a disk has no origin: "file:" stands for the pictures beside it.
     */
    const struct page_frame frame = {.title = title.failed ? "Heat maps" : title.data,
                                     .version = version == NULL ? "" : version,
                                     .style = BATCH_PAGE_STYLE,
                                     .script = BATCH_PAGE_SCRIPT,
                                     .images = "'self' file:"};
    enum vitlrp_status status;
    TRY_GOTO(status, text_check_memory(&title, "the title of the page", err), cleanup);
    TRY_GOTO(status, page_begin(out, &frame, err), cleanup);
    append_head(out, journal, config, tiles, frame.title);
    text_append_string(out, BATCH_PAGE_BODY);
    TRY_GOTO(status, append_data(journal, out, tiles, err), cleanup);
    page_end(out, &frame);
    status = text_check(out, "the page", err);

cleanup:
    text_free(&title);
    return status;
}
