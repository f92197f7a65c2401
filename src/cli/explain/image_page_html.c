/* The page's own words and pictures: what can be read without a script, and the places that the
 * script fills. */
#include <math.h>
#include <string.h>

#include "base/naming.h"
#include "base/page_frame.h"
#include "cli/page_notices.h"
#include "image_page.h"

/* Of the longer side of the embedded pictures: a screen shows no more, and a page stays small. */
#define PICTURE_SIDE 1024

#define TITLE_LIMIT ((size_t) 4096)
#define LISTED 10

/* ---- Pictures ---- */

struct jpeg {
    unsigned char *data; /* owned: vitlrp_free */
    size_t size;
};

/* The photograph for a screen, and where the model input lies on it. */
struct screen {
    struct vitlrp_image *image; /* owned */
    struct vitlrp_image_info info;
    struct vitlrp_geometry geometry;
};

static enum vitlrp_status screen_open(const struct photo *photo, struct screen *screen,
                                      struct vitlrp_error *err) {
    const struct vitlrp_geometry *whole = &photo->geometry;
    TRY(vitlrp_image_shrink(photo->image, PICTURE_SIDE, &screen->image, err));
    vitlrp_image_describe(screen->image, &screen->info);
    double x = (double) screen->info.width / whole->image_width;
    double y = (double) screen->info.height / whole->image_height;
    screen->geometry = *whole;
    screen->geometry.image_width = screen->info.width;
    screen->geometry.image_height = screen->info.height;
    screen->geometry.left *= x;
    screen->geometry.width *= x;
    screen->geometry.top *= y;
    screen->geometry.height *= y;
    return VITLRP_OK;
}

/* The first map over the photograph, or nothing but the photograph, whose unseen parts are hatched.
 */
static enum vitlrp_status draw(const struct image_page *page, const struct screen *screen,
                               bool is_photo, struct jpeg *jpeg, struct vitlrp_error *err) {
    const struct explain_session *state = page->state;
    struct vitlrp_render_options options = state->settings->render;
    const struct vitlrp_map map = {image_page_map(page, 0, 0, 0)->values, state->info.grid_height,
                                   state->info.grid_width, &screen->geometry};
    options.style = VITLRP_STYLE_OVERLAY;
    options.format = VITLRP_PICTURE_JPEG;
    if (is_photo) {
        options.underlay = VITLRP_UNDERLAY_COLOUR;
        options.opacity = 0.0F;
        options.colormap = "auto";
    }
    return vitlrp_render(screen->image, &map, &options, &jpeg->data, &jpeg->size, err);
}

/* ---- Words ---- */

/* What an output of the model is. */
static const char *output_word(const struct image_page *page) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(page->state->model, &info);
    if (page->state->settings->word_text != NULL) {
        return "Word";
    }
    return info.kind == VITLRP_MODEL_PROMPTS        ? "Text"
           : info.outputs == VITLRP_OUTPUTS_CLASSES ? "Class"
                                                    : "Output";
}

/* The classes of a target: "koala (105) less brown bear (294)". */
static void target_name(const struct image_page *page, const struct page_target *target,
                        struct text *out) {
    class_append(out, &page->classes[target->class].found);
    if (target->has_versus) {
        text_append_string(out, " less ");
        class_append(out, &page->classes[target->versus].found);
    }
}

static void append_target(const struct image_page *page, const struct page_target *target,
                          struct text *out) {
    struct text name = {.limit = TITLE_LIMIT};
    target_name(page, target, &name);
    page_append_text(out, name.failed ? "" : name.data);
    text_free(&name);
}

static void append_chance(struct text *out, double probability) {
    if (isnan(probability)) {
        text_append_string(out, "–");
    } else {
        text_printf(out, "%.1f %%", 100.0 * probability);
    }
}

static void append_fact(struct text *out, const char *name, const char *value) {
    text_printf(out, "%s ", name);
    text_append_string(out, "<b>");
    page_append_text(out, value);
    text_append_string(out, "</b>");
}

static void append_header(const struct image_page *page, struct text *out) {
    const struct explanation *explanation = page->explanation;
    struct vitlrp_model_info model;
    struct vitlrp_image_info image;
    struct explanation first = *explanation; /* of the first class */
    first.target = page->classes[page->targets[0].class].found;
    vitlrp_model_info_init(&model);
    vitlrp_model_describe(page->state->model, &model);
    vitlrp_image_describe(explanation->photo->image, &image);
    text_append_string(out, "<header class=\"top\">\n<p class=\"eyebrow\">One image "
                            "explained</p>\n<h1>What speaks for ");
    append_target(page, &page->targets[0], out);
    text_append_string(out, "</h1>\n<p class=\"lead\">");
    append_fact(out, "Image", image_page_name(page));
    text_printf(out, ", %d × %d; ", image.full_width, image.full_height);
    append_fact(out, "model", model_short_name(model.name));
    text_printf(out, ", %d × %d patches", page->state->info.grid_height,
                page->state->info.grid_width);
    if (page->state->settings->word_text != NULL) {
        append_fact(out, "; words of the text", page->state->settings->texts[0]);
    }
    text_append_string(out, "</p>\n");
    page_notices_append(&first, out);
    text_append_string(out, "</header>\n");
}

static void append_figure(const struct image_page *page, const struct jpeg *still,
                          const struct jpeg *photo, struct text *out) {
    struct text alt = {.limit = 2 * TITLE_LIMIT};
    text_append_string(&alt, "id=\"still\" class=\"still\" alt=\"Heat map of ");
    append_target(page, &page->targets[0], &alt);
    text_printf(&alt, " by %s over the photograph\"", page->state->settings->method_info.name);
    text_append_string(out, "<div class=\"left\">\n<figure>\n");
    page_append_jpeg(out, alt.failed ? "id=\"still\" class=\"still\"" : alt.data, still->data,
                     still->size);
    page_append_jpeg(out, "\n id=\"photo\" hidden alt=\"\"", photo->data, photo->size);
    text_free(&alt);
    text_append_string(
        out,
        "\n<canvas id=\"map\" tabindex=\"0\" role=\"application\" "
        "aria-roledescription=\"heat map\"></canvas>\n<div class=\"bar script\">"
        "<canvas id=\"colors\" width=\"257\" height=\"1\" aria-hidden=\"true\"></canvas>"
        "<span id=\"bar-low\"></span><span id=\"bar-middle\"></span><span id=\"bar-high\"></span>"
        "<span id=\"bar-unit\"></span></div>\n<figcaption><p id=\"explained\">");
    append_target(page, &page->targets[0], out);
    text_printf(out, ", %s</p><p id=\"summary\">", page->state->settings->method_info.name);
    page_append_text(out, page->state->settings->method_info.summary);
    text_append_string(out, "</p></figcaption>\n</figure>\n<section id=\"beside\" hidden>\n"
                            "<h2>Side by side</h2>\n<p class=\"note\">One scale for all of "
                            "them.</p>\n<div class=\"strip\" id=\"targets\"></div>\n</section>\n"
                            "</div>\n<div class=\"right\">\n");
}

static void append_controls(const struct image_page *page, struct text *out) {
    text_append_string(
        out, "<section class=\"panel script\" id=\"patch\">\n<h2>A patch</h2>\n"
             "<p id=\"hint\">Point at a patch, touch it, or use the arrow keys on the picture.");
    text_append_string(out, page->has_removal ? " A click or Enter takes it away." : "");
    text_append_string(out, "</p>\n<dl class=\"facts\" id=\"facts\"></dl>\n<button type=\"button\" "
                            "id=\"take\"");
    text_append_string(out, page->has_removal ? ">" : " hidden>");
    text_append_string(out,
                       "Take the patch away</button>\n"
                       "<p class=\"unseen\" id=\"said\" aria-live=\"polite\"></p>\n</section>\n"
                       "<section class=\"panel script\">\n<form aria-label=\"What is shown\">\n"
                       "<label>");
    text_append_string(out, output_word(page));
    text_append_string(
        out,
        "<select id=\"target\"></select></label>\n"
        "<label>Method<select id=\"method\"></select></label>\n"
        "<label>Part<select id=\"part\"></select></label>\n"
        "<label>Opacity of the map<input type=\"range\" id=\"opacity\" min=\"0\" max=\"100\" "
        "value=\"100\"></label>\n"
        "<label>Photograph<select id=\"underlay\"><option value=\"grey\">grey</option>"
        "<option value=\"colour\">in colour</option><option value=\"none\">not shown</option>"
        "</select></label>\n"
        "<label>Between patches<select id=\"upsample\"><option value=\"bicubic\">smooth</option>"
        "<option value=\"bilinear\">straight</option><option value=\"nearest\">plain "
        "patches</option></select></label>\n</form>\n</section>\n");
}

static void append_class_row(const struct image_page *page, const struct page_class *class,
                             struct text *out) {
    const struct prediction *prediction = &page->state->prediction;
    int32_t output = class->found.output;
    struct text name = {.limit = TITLE_LIMIT};
    class_append(&name, &class->found);
    text_append_string(out, "<tr><td>");
    page_append_text(out, name.failed ? "" : name.data);
    text_append_string(out, image_page_predicts(page, output) ? " <small>predicted</small>" : "");
    text_append_string(out, "</td><td>");
    append_chance(out, prediction->probability[output]);
    text_printf(out, "</td><td>%.4g</td></tr>\n", (double) prediction->logits[output]);
    text_free(&name);
}

/* What the model says of one class less what it says of the other. */
static void append_difference_row(const struct image_page *page, const struct page_target *target,
                                  struct text *out) {
    const struct prediction *prediction = &page->state->prediction;
    int32_t one = page->classes[target->class].found.output;
    int32_t other = page->classes[target->versus].found.output;
    text_append_string(out, "<tr><td>Difference: ");
    append_target(page, target, out);
    text_append_string(out, "</td><td>");
    append_chance(out, prediction->probability[one] - prediction->probability[other]);
    text_printf(out, "</td><td>%.4g</td></tr>\n",
                (double) prediction->logits[one] - (double) prediction->logits[other]);
}

static void append_classes(const struct image_page *page, struct text *out) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(page->state->model, &info);
    text_printf(out,
                "<section class=\"panel\">\n<h2>What the model says</h2>\n<div class=\"scroll\">"
                "<table class=\"classes\"><thead><tr><th scope=\"col\">%s</th><th "
                "scope=\"col\">Probability</th>"
                "<th scope=\"col\">%s</th></tr></thead><tbody>\n",
                output_word(page), info.outputs == VITLRP_OUTPUTS_CLASSES ? "Logit" : "Output");
    for (size_t i = 0; i < page->class_count; i++) {
        append_class_row(page, &page->classes[i], out);
    }
    for (size_t i = 0; i < page->target_count; i++) {
        if (page->targets[i].has_versus) {
            append_difference_row(page, &page->targets[i], out);
        }
    }
    text_append_string(out, "</tbody></table></div>\n</section>\n");
}

/* ---- Patches ---- */

/* True if the patch stands before the other: the larger value first, equal ones by their place. */
static bool stands_before(const float *values, size_t patch, size_t other) {
    return values[patch] > values[other] || (values[patch] == values[other] && patch < other);
}

/* The patch that follows `last` in this order; the first of all for `count`. */
static size_t patch_after(const float *values, size_t count, size_t last) {
    size_t found = count;
    for (size_t i = 0; i < count; i++) {
        bool is_left = last == count || stands_before(values, last, i);
        found = is_left && (found == count || stands_before(values, i, found)) ? i : found;
    }
    return found;
}

/* Of all values of its sign. */
static double share_of(const struct image_page *page, const float *values, size_t patch) {
    double sum = 0.0;
    for (size_t i = 0; i < page->patches; i++) {
        bool is_alike =
            values[i] > 0.0F ? values[patch] > 0.0F : values[i] < 0.0F && values[patch] < 0.0F;
        sum += is_alike ? (double) values[i] : 0.0;
    }
    return sum == 0.0 ? 0.0 : (double) values[patch] / sum;
}

static void append_patch_row(const struct image_page *page, size_t rank, size_t patch,
                             struct text *out) {
    const struct page_target *target = &page->targets[0];
    const float *values = image_page_map(page, 0, 0, 0)->values;
    size_t columns = (size_t) page->state->info.grid_width;
    text_printf(out, "<tr><td>%zu</td><td>%zu, %zu</td><td>%.3g</td><td>%.3g %%</td>", rank + 1,
                patch / columns + 1, patch % columns + 1, (double) values[patch],
                100.0 * share_of(page, values, patch));
    if (page->has_removal) {
        const float *logits = page->drops.logits + patch;
        double logit = (double) logits[target->class * page->patches];
        logit -= target->has_versus ? (double) logits[target->versus * page->patches] : 0.0;
        text_printf(out, "<td>%.3g</td>", logit);
    }
    text_append_string(out, "</tr>\n");
}

static void append_patches(const struct image_page *page, struct text *out) {
    const float *values = image_page_map(page, 0, 0, 0)->values;
    size_t patch = page->patches;
    text_append_string(out,
                       "<section class=\"panel\">\n<h2>The largest patches</h2>\n<div "
                       "class=\"scroll\"><table id=\"top\"><thead><tr><th scope=\"col\">Rank</th>"
                       "<th scope=\"col\">Row, column</th><th scope=\"col\">Value</th>"
                       "<th scope=\"col\">Share</th>");
    text_append_string(out, page->has_removal ? "<th scope=\"col\">Logit without it</th>" : "");
    text_append_string(out, "</tr></thead><tbody>\n");
    for (size_t rank = 0; rank < LISTED && rank < page->patches; rank++) {
        patch = patch_after(values, page->patches, patch);
        append_patch_row(page, rank, patch, out);
    }
    text_append_string(out, "</tbody></table></div>\n</section>\n");
}

/* ---- Sets ---- */

/* "koala (105)", or "koala (105) rather than dam (525)". */
static void append_decision(const struct image_page *page, const struct page_set *set,
                            struct text *out) {
    const struct page_target *target = &page->targets[set->target];
    append_target(page, &(struct page_target){.class = target->class}, out);
    if (target->has_versus) {
        text_append_string(out, " rather than ");
        append_target(page, &(struct page_target){.class = target->versus}, out);
    }
}

static void append_found_set(const struct image_page *page, const struct page_set *set,
                             struct text *out) {
    bool suffices = set->goal == VITLRP_GOAL_SUFFICES;
    text_printf(out, "<b>%d of %zu patches</b> %s ", set->search.count, page->patches,
                suffices ? "suffice: with nothing else, the model says"
                         : "flip it: without them, the model no longer says");
    append_decision(page, set, out);
    text_printf(out, " (logit %.3g", set->logit);
    if (!isnan(set->probability)) {
        text_append_string(out, ", ");
        append_chance(out, set->probability);
    }
    text_append_string(out, "). ");
}

static void append_missing_set(const struct image_page *page, const struct page_set *set,
                               struct text *out) {
    bool is_decided =
        set->search.forwards > 1; /* or else the first pass has shown that it is not */
    if (set->goal == VITLRP_GOAL_SUFFICES) {
        text_append_string(out, "No beginning of the order suffices for the model to say ");
    } else if (is_decided) {
        text_append_string(out, "Whichever first patches are taken away, the model says ");
    } else {
        text_append_string(out, "There is nothing to flip: the model does not say ");
    }
    append_decision(page, set, out);
    text_append_string(out, ". ");
}

static void append_set(const struct image_page *page, size_t place, struct text *out) {
    const struct page_set *set = &page->sets[place];
    bool found = set->search.found != 0;
    text_append_string(out, "<li>");
    if (found) {
        append_found_set(page, set, out);
    } else {
        append_missing_set(page, set, out);
    }
    text_printf(out, "<small>%d forward pass%s", set->search.forwards,
                set->search.forwards == 1 ? "" : "es");
    if (set->search.count > 0) {
        text_printf(out, ", pruned from the first %d", set->search.prefix);
    }
    text_append_string(out, "</small>");
    if (found) {
        text_printf(out,
                    "<br><button type=\"button\" hidden value=\"%zu\" aria-pressed=\"false\">"
                    "%s</button>",
                    place,
                    set->goal == VITLRP_GOAL_SUFFICES ? "Show only these"
                                                      : "Show the image without them");
    }
    text_append_string(out, "</li>\n");
}

static const char *replacement_words(enum vitlrp_replacement replacement) {
    static const char *const WORDS[] = {
#define VITLRP_REPLACEMENT(constant, name, text) text,
#include "vitlrp_replacements.def"
#undef VITLRP_REPLACEMENT
    };
    return WORDS[replacement];
}

static void append_removal(const struct image_page *page, struct text *out) {
    text_append_string(out, "<section class=\"panel\" id=\"sets\">\n<h2>Without patches</h2>\n");
    if (!page->has_removal) {
        text_append_string(out, "<p class=\"note\">Left out (--no-drops): what the model says "
                                "without a patch, and sets of patches that suffice.</p>\n"
                                "</section>\n");
        return;
    }
    text_append_string(out, "<ul>\n");
    for (size_t i = 0; i < page->set_count; i++) {
        append_set(page, i, out);
    }
    text_printf(out,
                "</ul>\n<p class=\"note\">Patches that are taken away are replaced by %s. A set is "
                "a beginning of the map’s order, found by forward passes and then pruned patch by "
                "patch: a set that suffices, not the smallest one. Single patches and sets took "
                "%zu forward passes.</p>\n</section>\n",
                replacement_words(page->state->settings->replacement), page->forwards);
}

/* ---- The page ---- */

static void append_body(const struct image_page *page, const struct jpeg *still,
                        const struct jpeg *photo, struct text *out) {
    append_header(page, out);
    text_append_string(out, "<main>\n");
    append_figure(page, still, photo, out);
    append_controls(page, out);
    append_classes(page, out);
    image_page_append_words(page, out);
    append_removal(page, out);
    append_patches(page, out);
    text_append_string(out, "</div>\n</main>\n");
    page_append_footer(out, vitlrp_version(),
                       "<noscript> Switches, single patches and other maps need "
                       "JavaScript.</noscript>");
}

static enum vitlrp_status write_page(const struct image_page *page, const struct screen *screen,
                                     const struct jpeg pictures[2], struct text *out,
                                     struct vitlrp_error *err) {
    struct text title = {.limit = TITLE_LIMIT};
    json_t *data = NULL;
    target_name(page, &page->targets[0], &title);
    text_printf(&title, ": %s", image_page_name(page));
    const struct page_frame frame = {.title = title.failed ? "Heat map" : title.data,
                                     .version = vitlrp_version(),
                                     .style = IMAGE_PAGE_STYLE,
                                     .script = IMAGE_PAGE_SCRIPT,
                                     .images = "data:"};
    enum vitlrp_status status =
        image_page_data(page, screen->info.width, screen->info.height, &data, err);
    if (status == VITLRP_OK) {
        status = page_begin(out, &frame, err);
    }
    if (status == VITLRP_OK) {
        append_body(page, &pictures[0], &pictures[1], out);
        page_append_data(out, "data", data);
        page_end(out, &frame);
        status = text_check(out, "the page", err);
    }
    json_decref(data);
    text_free(&title);
    return status;
}

enum vitlrp_status image_page_html(const struct image_page *page, struct text *out,
                                   struct vitlrp_error *err) {
    struct screen screen = {0};
    struct jpeg pictures[2] = {0};
    enum vitlrp_status status = VITLRP_OK;
    TRY_GOTO(status, text_check(&page->words, "the words of a page", err), cleanup);
    TRY_GOTO(status, screen_open(page->explanation->photo, &screen, err), cleanup);
    TRY_GOTO(status, draw(page, &screen, false, &pictures[0], err), cleanup);
    TRY_GOTO(status, draw(page, &screen, true, &pictures[1], err), cleanup);
    status = write_page(page, &screen, pictures, out, err);

cleanup:
    vitlrp_free(pictures[0].data);
    vitlrp_free(pictures[1].data);
    vitlrp_image_close(screen.image);
    return status;
}
