/* The page of a gallery: HTML that is whole without its script, which only finds units. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/naming.h"
#include "base/page_frame.h"
#include "base/words.h"
#include "gallery.h"

#define LABEL_LIMIT ((size_t) 4096)
#define CROP_LIMIT ((size_t) 1 << 20)

/* The member of what is of a row. */
static const char *row_word(int kind) {
    return word_of(WORDS_CONCEPT_KIND, kind);
}

static const char *member(const json_t *object, const char *key) {
    const char *value = json_get_string(object, key);
    return value == NULL ? "" : value;
}

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static long long whole(const json_t *object, const char *key) {
    return (long long) json_integer_value(json_object_get(object, key));
}

/* "monarch (323)" */
static void append_class(const json_t *object, struct text *out) {
    struct text name = {.limit = LABEL_LIMIT};
    class_name_append(&name, member(object, "name"), (int32_t) whole(object, "class"));
    page_append_text(out, name.failed ? "" : name.data);
    text_free(&name);
}

/* What a logit changes by: what it has lost, with the other sign. */
static void append_change(double drop, struct text *out) {
    if (isnan(drop)) {
        text_append_string(out, "–");
    } else {
        double size = fabs(drop);
        const char *sign = size < 0.0005 ? "" : drop > 0.0 ? "−" : "+";
        text_printf(out, "%s%.*f", sign, size < 0.1 ? 3 : 2, size);
    }
}

/* ---- A unit ---- */

static void append_classes(const json_t *classes, struct text *out) {
    for (size_t i = 0; i < json_array_size(classes); i++) {
        text_append_string(out, " ");
        append_class(json_array_get(classes, i), out);
    }
}

static void append_words(const json_t *unit, struct text *out) {
    page_append_text(out, member(unit, "unit"));
    append_classes(json_object_get(unit, "classes"), out);
    append_classes(json_object_get(unit, "class_means"), out);
    const json_t *test = json_object_get(unit, "test");
    if (json_is_object(test)) {
        text_append_string(out, " ");
        append_class(test, out);
    }
}

static enum vitlrp_status append_picture(const char *unit, const json_t *entry,
                                         enum unit_index_kind kind, int folder, struct text *out,
                                         struct vitlrp_error *err) {
    struct text name = {.limit = LABEL_LIMIT};
    struct text attributes = {.limit = 2 * LABEL_LIMIT};
    struct bytes bytes = {0};
    text_append_string(&name, GALLERY_CROPS "/");
    gallery_crop_name(unit, kind, (uint32_t) whole(entry, "image"), &name);
    text_append_string(&attributes, "alt=\"");
    append_class(entry, &attributes);
    text_append_string(&attributes, ", ");
    page_append_text(&attributes, member(entry, "id"));
    text_append_string(&attributes, "\" width=\"96\" height=\"96\" decoding=\"async\"");
    enum vitlrp_status status = text_check(&name, "the name of a picture", err);
    if (status == VITLRP_OK) {
        status = text_check(&attributes, "the text of a picture", err);
    }
    if (status == VITLRP_OK) {
        status = file_read_below(folder, name.data, CROP_LIMIT, &bytes, err);
        error_prefix(err, status, name.data);
    }
    if (status == VITLRP_OK) {
        page_append_jpeg(out, attributes.data, bytes.data, bytes.size);
    }
    bytes_free(&bytes);
    text_free(&attributes);
    text_free(&name);
    return status;
}

static enum vitlrp_status append_entry(const char *unit, const json_t *entry,
                                       enum unit_index_kind kind, int folder, struct text *out,
                                       struct vitlrp_error *err) {
    text_append_string(out, "<li title=\"");
    page_append_text(out, member(entry, "id"));
    text_printf(out, kind == UNIT_INDEX_RELEVANCE ? "; share %.3g" : "; activation %.4g",
                number(entry, "score"));
    text_append_string(out, "\">");
    if (folder >= 0) {
        TRY(append_picture(unit, entry, kind, folder, out, err));
    }
    text_append_string(out, "<span>");
    append_class(entry, out);
    text_append_string(out, "</span>");
    if (!isnan(number(entry, "drop"))) {
        text_append_string(out, " <small>");
        append_change(number(entry, "drop"), out);
        text_append_string(out, "</small>");
    }
    text_append_string(out, "</li>\n");
    return VITLRP_OK;
}

static enum vitlrp_status append_row(const json_t *unit, enum unit_index_kind kind, int folder,
                                     struct text *out, struct vitlrp_error *err) {
    size_t i;
    json_t *entry;
    if (json_array_size(json_object_get(unit, row_word((int) kind))) == 0) {
        return VITLRP_OK; /* of a kind that the index does not keep */
    }
    text_printf(out, "<h3>%s</h3>\n<ol class=\"row\">\n",
                kind == UNIT_INDEX_RELEVANCE ? "Most relevant (RelMax)"
                                             : "Activate it most (ActMax)");
    json_array_foreach(json_object_get(unit, row_word((int) kind)), i, entry) {
        TRY(append_entry(member(unit, "unit"), entry, kind, folder, out, err));
    }
    text_append_string(out, "</ol>\n");
    return VITLRP_OK;
}

/* The rows that have the class of a test: a bit for each kind. */
static unsigned rows_having(const json_t *test) {
    unsigned rows = 0;
    for (int kind = 0; kind < UNIT_INDEX_KINDS; kind++) {
        rows |= json_is_true(json_object_get(test, row_word(kind))) ? 1U << kind : 0U;
    }
    return rows;
}

static void append_among(const json_t *test, struct text *out) {
    static const char *const OF_TWO[] = {
        "neither row has this class", "the upper row has this class",
        "the lower row has this class", "both rows have this class"};
    unsigned rows = rows_having(test);
    bool two = true;
    for (int kind = 0; kind < UNIT_INDEX_KINDS; kind++) {
        two = two && !json_is_null(json_object_get(test, row_word(kind)));
    }
    text_append_string(out, two         ? OF_TWO[rows]
                            : rows != 0 ? "its row has this class"
                                        : "its row does not have this class");
}

static void append_test(const json_t *test, struct text *out) {
    if (!json_is_object(test)) {
        return;
    }
    text_append_string(out, "<p>Without it, the logit of <b>");
    append_class(test, out);
    text_printf(out, "</b> falls most over %lld other images: ", whole(test, "images"));
    append_change(number(test, "drop"), out);
    text_printf(out, " in the mean, %.1f standard deviations of all classes beyond their mean; ",
                number(test, "stands_out"));
    append_among(test, out);
    text_append_string(out, ".</p>\n");
}

static void append_unit_classes(const json_t *unit, struct text *out) {
    size_t i;
    json_t *class;
    text_printf(out,
                "<details><summary>Classes of these images</summary>\n<div class=\"scroll\"><table>"
                "<caption>How many images of %s each class has, and what its logit changes by "
                "without the unit, in the mean over the test's images</caption><thead><tr>"
                "<th scope=\"col\">Class</th><th scope=\"col\">RelMax</th><th scope=\"col\">ActMax"
                "</th><th scope=\"col\">Logit</th></tr></thead><tbody>\n",
                member(unit, "unit"));
    json_array_foreach(json_object_get(unit, "classes"), i, class) {
        text_append_string(out, "<tr><td>");
        append_class(class, out);
        for (int kind = 0; kind < UNIT_INDEX_KINDS; kind++) {
            const json_t *count = json_object_get(class, row_word(kind));
            text_append_string(out, "</td><td>");
            text_printf(out, json_is_integer(count) ? "%lld" : "–",
                        (long long) json_integer_value(count));
        }
        text_append_string(out, "</td><td>");
        append_change(number(class, "drop"), out);
        text_append_string(out, "</td></tr>\n");
    }
    text_append_string(out, "</tbody></table></div></details>\n");
}

/* Of an index with sums by class. */
static void append_means(const json_t *unit, struct text *out) {
    size_t i;
    json_t *class;
    if (json_array_size(json_object_get(unit, "class_means")) == 0) {
        return;
    }
    text_printf(out,
                "<details><summary>Classes by mean relevance</summary>\n<div "
                "class=\"scroll\"><table><caption>The mean share of %s in its block's relevance, "
                "over all images of a class</caption><thead><tr><th scope=\"col\">Class</th>"
                "<th scope=\"col\">Mean</th><th scope=\"col\">Images</th></tr></thead><tbody>\n",
                member(unit, "unit"));
    json_array_foreach(json_object_get(unit, "class_means"), i, class) {
        text_append_string(out, "<tr><td>");
        append_class(class, out);
        text_printf(out, "</td><td>%.3g\u00a0%%</td><td>%lld</td></tr>\n",
                    100.0 * number(class, "mean"), whole(class, "images"));
    }
    text_append_string(out, "</tbody></table></div></details>\n");
}

static void append_facts(const json_t *unit, struct text *out) {
    if (isnan(number(unit, "mean"))) {
        return;
    }
    text_printf(out, "<p class=\"note\">Mean share of the block's relevance %.3g\u00a0%%",
                100.0 * number(unit, "mean"));
    if (!isnan(number(unit, "positive"))) {
        text_printf(out, ", %.0f\u00a0%% of what it carries is for the class",
                    100.0 * number(unit, "positive"));
    }
    if (json_is_integer(json_object_get(unit, "shared"))) {
        text_printf(out, "; the rows share %lld of %zu images", whole(unit, "shared"),
                    json_array_size(json_object_get(unit, row_word(UNIT_INDEX_RELEVANCE))));
    }
    text_append_string(out, ".</p>\n");
}

static enum vitlrp_status append_unit(const json_t *unit, int folder, struct text *out,
                                      struct vitlrp_error *err) {
    struct vitlrp_unit found;
    const char *name = member(unit, "unit");
    TRY(vitlrp_unit_parse(name, &found, err));
    text_printf(out, "<article id=\"%s\" tabindex=\"-1\" data-block=\"%d\" data-words=\"", name,
                found.block);
    append_words(unit, out);
    text_printf(out, "\">\n<h2><a href=\"#%s\">%s</a>", name, name);
    if (!json_is_true(json_object_get(unit, "ranked"))) {
        text_append_string(out, "<small>asked for</small>");
    }
    text_append_string(out, "</h2>\n");
    append_facts(unit, out);
    for (int kind = 0; kind < UNIT_INDEX_KINDS; kind++) {
        TRY(append_row(unit, (enum unit_index_kind) kind, folder, out, err));
    }
    append_test(json_object_get(unit, "test"), out);
    append_unit_classes(unit, out);
    append_means(unit, out);
    text_append_string(out, "</article>\n");
    return VITLRP_OK;
}

/* ---- The test ---- */

static void append_rate(const json_t *rates, const char *key, const char *title, struct text *out) {
    const json_t *rate = json_object_get(rates, key);
    if (!json_is_object(rate)) {
        return;
    }
    text_printf(out,
                "<tr><th scope=\"row\">%s</th><td>%.2f</td><td>%.2f to %.2f</td><td>%lld of %lld"
                "</td></tr>\n",
                title, number(rate, "rate"), number(rate, "low"), number(rate, "high"),
                whole(rate, "count"), whole(rates, "units"));
}

static void append_rates(const json_t *record, struct text *out) {
    const json_t *rates = json_object_get(record, "rates");
    if (!json_is_object(rates)) {
        return;
    }
    text_printf(out,
                "<section id=\"test\">\n<h2>Do the images show what a unit is for?</h2>\n"
                "<p class=\"note\">Each unit is taken away (0 in every token) in images by chance, "
                "up to %lld, none of which is one of its own. Is the class whose mean logit falls "
                "most among the classes of its images?</p>\n"
                "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Its images</th>"
                "<th scope=\"col\">Rate</th><th scope=\"col\">95 %% interval</th>"
                "<th scope=\"col\">Units</th></tr></thead><tbody>\n",
                whole(record, "test_images"));
    append_rate(rates, row_word(UNIT_INDEX_RELEVANCE), "most relevant (RelMax)", out);
    append_rate(rates, row_word(UNIT_INDEX_ACTIVATION), "activate it most (ActMax)", out);
    append_rate(rates, "random", "as many by chance", out);
    text_append_string(out, "</tbody></table></div>\n</section>\n");
}

static const json_t *find_unit(const json_t *record, const char *name) {
    size_t i;
    json_t *unit;
    json_array_foreach(json_object_get(record, "units"), i, unit) {
        if (strcmp(member(unit, "unit"), name) == 0) {
            return unit;
        }
    }
    return NULL;
}

static void append_having(const json_t *test, struct text *out) {
    static const char *const FOUND_IN[] = {"none", "RelMax", "ActMax", "both"};
    unsigned rows = rows_having(test);
    text_printf(out, "<td%s>%s</td>", rows != 0 ? " class=\"yes\"" : "", FOUND_IN[rows]);
}

static void append_clear(const json_t *record, const char *name, struct text *out) {
    const json_t *test = json_object_get(find_unit(record, name), "test");
    text_append_string(out, "<tr><td><a href=\"#");
    page_append_text(out, name);
    text_append_string(out, "\">");
    page_append_text(out, name);
    text_append_string(out, "</a></td><td>");
    append_class(test, out);
    text_append_string(out, "</td><td>");
    append_change(number(test, "drop"), out);
    text_printf(out, "</td><td>%.1f</td>", number(test, "stands_out"));
    append_having(test, out);
    text_append_string(out, "</tr>\n");
}

static void append_clearest(const json_t *record, struct text *out) {
    const json_t *clearest = json_object_get(record, "clearest");
    if (json_array_size(clearest) == 0) {
        return;
    }
    text_printf(out,
                "<section>\n<h2>The clearest</h2>\n<p class=\"note\">The %zu units without which "
                "one class falls farthest beyond all others (in standard deviations of all "
                "classes), whether their images have it or not.</p>\n<div "
                "class=\"scroll\"><table><thead><tr><th scope=\"col\">Unit</th>"
                "<th scope=\"col\">Falls most</th><th scope=\"col\">Mean logit</th>"
                "<th scope=\"col\">Beyond others</th><th scope=\"col\">Found in</th>"
                "</tr></thead><tbody>\n",
                json_array_size(clearest));
    for (size_t i = 0; i < json_array_size(clearest); i++) {
        const char *name = json_string_value(json_array_get(clearest, i));
        append_clear(record, name == NULL ? "" : name, out);
    }
    text_append_string(out, "</tbody></table></div>\n</section>\n");
}

/* ---- The page ---- */

static const char *site_words(const json_t *record) {
    const char *site = member(record, "site");
    return strcmp(site, "fc1") == 0    ? "hidden neurons"
           : strcmp(site, "head") == 0 ? "attention heads"
                                       : "dimensions of the residual stream";
}

static void append_header(const json_t *record, struct text *out) {
    text_append_string(out, "<header class=\"top\">\n<p class=\"eyebrow\">Hidden units</p>\n<h1>");
    page_append_text(out, model_short_name(member(record, "model")));
    text_printf(out, ": %zu %s</h1>\n<p class=\"lead\"><b>%lld</b> images of <b>",
                json_array_size(json_object_get(record, "units")), site_words(record),
                whole(record, "images"));
    page_append_text(out, member(record, "dataset"));
    text_append_string(out, "</b>, relevance by <b>");
    page_append_text(out, member(record, "method"));
    text_append_string(out, "</b></p>\n");
    if (json_is_true(json_object_get(record, "pictures"))) {
        text_append_string(out, "<p class=\"notice\">The pictures are parts of these images: who "
                                "may not pass the images on may not pass this page on. "
                                "<code>--no-pictures</code> makes one without them.</p>\n");
    }
    text_append_string(out, "</header>\n");
}

static void append_key(const json_t *record, struct text *out) {
    text_append_string(out, "<section>\n<h2>What is shown</h2>\n<p class=\"note\">");
    if (json_is_true(json_object_get(record, "pictures"))) {
        text_append_string(
            out, "Each picture is cut to where the unit's map is, and dark where it is not. Of the "
                 "most relevant that is the relevance for the picture's class which goes through "
                 "this unit alone; of those that activate it most, what makes the unit fire. ");
    }
    text_append_string(
        out, "The class below is the one that was explained, no name of the unit; the number is "
             "what its logit changes by, in this image, without the unit. The most relevant images "
             "are those by the unit's share of its block's relevance, so all weigh the same. A "
             "neuron has no single "
             "meaning because a few images look alike.</p>\n</section>\n");
}

static void append_controls(struct text *out) {
    text_append_string(
        out, "<form aria-label=\"Find units\">\n<input id=\"search\" type=\"search\" "
             "aria-label=\"Search by unit or class\" placeholder=\"Unit or class\">\n"
             "<select id=\"block\" aria-label=\"Block\"><option value=\"\">all blocks</option>"
             "</select>\n<span id=\"count\" role=\"status\"></span>\n<span class=\"keys\">"
             "<kbd>/</kbd> search, <kbd>j</kbd> and <kbd>k</kbd> next and previous unit</span>\n"
             "</form>\n<p class=\"notice\" id=\"missing\" hidden>This page does not show <b "
             "id=\"absent\"></b>. <code>vitlrp concepts FOLDER --show UNIT</code> adds it.</p>\n");
}

static enum vitlrp_status append_body(const json_t *record, int folder, struct text *out,
                                      struct vitlrp_error *err) {
    size_t i;
    json_t *unit;
    bool has_pictures = json_is_true(json_object_get(record, "pictures"));
    append_header(record, out);
    text_append_string(out, "<main>\n");
    append_key(record, out);
    append_rates(record, out);
    append_clearest(record, out);
    append_controls(out);
    json_array_foreach(json_object_get(record, "units"), i, unit) {
        TRY(append_unit(unit, has_pictures ? folder : -1, out, err));
    }
    text_append_string(out, "</main>\n");
    page_append_footer(out, vitlrp_version(), "");
    return VITLRP_OK;
}

enum vitlrp_status gallery_page(const json_t *record, int folder, struct text *out,
                                struct vitlrp_error *err) {
    struct text title = {.limit = LABEL_LIMIT};
    text_printf(&title, "Hidden units of %s", model_short_name(member(record, "model")));
    const struct page_frame frame = {.title = title.failed ? "Hidden units" : title.data,
                                     .version = vitlrp_version(),
                                     .style = GALLERY_STYLE,
                                     .script = GALLERY_SCRIPT,
                                     .images = "data:"};
    enum vitlrp_status status = page_begin(out, &frame, err);
    if (status == VITLRP_OK) {
        status = append_body(record, folder, out, err);
    }
    if (status == VITLRP_OK) {
        page_end(out, &frame);
        status = text_check(out, "the page", err);
    }
    text_free(&title);
    return status;
}
