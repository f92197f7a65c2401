/* The data of a page for its script, as data/FORMATS.md describes them: numbers and words, of which
 * the script makes text, never elements. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/formats.h"
#include "base/mem.h"
#include "base/naming.h"
#include "base/words.h"
#include "image_page.h"

/* Text of files and people, without what turns or ends lines. */
static json_t *json_shown(const char *text) {
    char shown[1024];
    text_escape_name(shown, sizeof shown, text);
    return json_text(shown);
}

/* "koala (105)". */
static json_t *json_title(const struct vitlrp_class *found) {
    struct text title = {.limit = 512};
    class_append(&title, found);
    json_t *value = title.failed ? NULL : json_text(title.data);
    text_free(&title);
    return value;
}

/* A logit; and a probability, null where outputs have none. */
static json_t *json_float(double value) {
    return json_float32((float) value);
}

static json_t *json_class(const struct image_page *page, const struct page_class *class,
                          bool *complete) {
    const struct prediction *prediction = &page->state->prediction;
    int32_t output = class->found.output;
    json_t *object = json_object();
    json_set(object, "index", json_integer(class->found.index), complete);
    json_set(object, "wnid", json_shown(class->found.wnid), complete);
    json_set(object, "title", json_title(&class->found), complete);
    json_set(object, "named", json_boolean(class->is_named), complete);
    json_set(object, "predicted", json_boolean(image_page_predicts(page, output)), complete);
    json_set(object, "logit", json_float((double) prediction->logits[output]), complete);
    json_set(object, "probability", json_float(prediction->probability[output]), complete);
    return object;
}

static json_t *json_classes(const struct image_page *page, bool *complete) {
    json_t *list = json_array();
    for (size_t i = 0; i < page->class_count; i++) {
        json_add(list, json_class(page, &page->classes[i], complete), complete);
    }
    return list;
}

static json_t *json_targets(const struct image_page *page, bool *complete) {
    json_t *list = json_array();
    for (size_t i = 0; i < page->target_count; i++) {
        const struct page_target *target = &page->targets[i];
        json_t *object = json_object();
        json_set(object, "class", json_integer((json_int_t) target->class), complete);
        json_set(object, "versus",
                 target->has_versus ? json_integer((json_int_t) target->versus) : json_null(),
                 complete);
        json_add(list, object, complete);
    }
    return list;
}

static json_t *json_methods(const struct image_page *page, bool *complete) {
    const struct explain_session *state = page->state;
    const struct method_list *methods = state->settings->methods;
    json_t *list = json_array();
    for (size_t i = 0; i < methods->count; i++) {
        json_t *object = json_object();
        json_set(object, "name", json_string(methods->info[i].name), complete);
        json_set(object, "summary", json_string(methods->info[i].summary), complete);
        json_set(object, "unit", json_string(methods->info[i].unit), complete);
        json_set(object, "has_ledger", json_boolean(methods->info[i].has_ledger != 0), complete);
        json_set(
            object, "parameters",
            json_method_parameters(&methods->info[i], &methods->options[i], state->info.precision),
            complete);
        json_add(list, object, complete);
    }
    return list;
}

static json_t *json_parts(bool *complete) {
    json_t *list = json_array();
    for (size_t i = 0; i < PAGE_PART_COUNT; i++) {
        json_t *object = json_object();
        json_set(object, "name", json_string(PAGE_PARTS[i].name), complete);
        json_set(object, "title", json_string(PAGE_PARTS[i].title), complete);
        json_add(list, object, complete);
    }
    return list;
}

/* ---- Maps and their colours ---- */

/* The colours of the page: of signed maps, then of others; one and the same if the user chose. */
static const char *color_name(const struct image_page *page, bool is_signed) {
    const char *name = page->state->settings->render.colormap;
    bool is_chosen = strcmp(name, "auto") != 0;
    return is_chosen ? name : is_signed ? "bwr" : "viridis";
}

static json_t *json_color(const char *name, bool *complete) {
    uint8_t rgb[VITLRP_COLORMAP_ENTRIES * 3];
    char digits[sizeof rgb * 2 + 1];
    json_t *object = json_object();
    if (vitlrp_colormap_colors(name, rgb, NULL) != VITLRP_OK) {
        *complete = false;
        return object;
    }
    for (size_t i = 0; i < sizeof rgb; i++) {
        snprintf(digits + 2 * i, 3, "%02x", rgb[i]);
    }
    json_set(object, "name", json_string(name), complete);
    json_set(object, "rgb", json_string(digits), complete);
    return object;
}

/* As pictures have it: around zero for a map of two signs, for a method that may have them, and for
 * colours whose middle is neutral. */
static void set_scale(json_t *object, const struct image_page *page, size_t method,
                      const struct page_map *map, bool *complete) {
    const struct vitlrp_render_options *render = &page->state->settings->render;
    float low = map->values[0];
    float high = map->values[0];
    enum vitlrp_colormap_kind kind = VITLRP_COLORMAP_SEQUENTIAL;
    for (size_t i = 0; i < page->patches; i++) {
        low = fminf(low, map->values[i]);
        high = fmaxf(high, map->values[i]);
    }
    bool is_signed =
        low < 0.0F || page->state->settings->methods->info[method].kind == VITLRP_MAP_SIGNED;
    bool found = vitlrp_colormap_describe(color_name(page, is_signed), &kind, NULL) == VITLRP_OK;
    bool around_zero = is_signed || kind == VITLRP_COLORMAP_DIVERGING;
    *complete = *complete && found;
    if (render->range_low < render->range_high) {
        low = render->range_low;
        high = render->range_high;
    } else if (render->scale > 0.0F) {
        high = render->scale;
        low = is_signed ? -high : 0.0F;
    } else if (around_zero) {
        high = fmaxf(fabsf(low), fabsf(high));
        low = -high;
    }
    json_set(object, "color", json_integer(is_signed ? 0 : 1), complete);
    json_set(object, "around_zero", json_boolean(around_zero), complete);
    json_t *range = json_array();
    json_add(range, json_float((double) low), complete);
    json_add(range, json_float((double) high), complete);
    json_set(object, "range", range, complete);
}

static json_t *json_map(const struct image_page *page, size_t method, size_t target, size_t part,
                        bool *complete) {
    const struct page_map *map = image_page_map(page, method, target, part);
    json_t *object = json_object();
    json_t *values = json_array();
    json_set(object, "target", json_integer((json_int_t) target), complete);
    json_set(object, "method", json_integer((json_int_t) method), complete);
    json_set(object, "part", json_integer((json_int_t) part), complete);
    set_scale(object, page, method, map, complete);
    json_set(object, "explained", json_number(map->explained), complete);
    json_set(object, "sum", json_number(map->sum), complete);
    for (size_t i = 0; i < page->patches; i++) {
        json_add(values, json_float32(map->values[i]), complete);
    }
    json_set(object, "values", values, complete);
    return object;
}

static json_t *json_maps(const struct image_page *page, bool *complete) {
    json_t *list = json_array();
    for (size_t method = 0; method < page->state->settings->methods->count; method++) {
        for (size_t target = 0; target < page->target_count; target++) {
            for (size_t part = 0; part < PAGE_PART_COUNT; part++) {
                json_add(list, json_map(page, method, target, part, complete), complete);
            }
        }
    }
    return list;
}

/* ---- Without patches ---- */

/* Names of outputs that are mentioned by place. */
struct names {
    const struct vitlrp_model *model;
    json_t *list;
    int32_t *outputs; /* of the list */
    size_t count;
};

static json_t *json_name(struct names *names, int32_t output, bool *complete) {
    struct vitlrp_class found;
    size_t place = 0;
    while (place < names->count && names->outputs[place] != output) {
        place++;
    }
    if (place == names->count) {
        if (vitlrp_model_class(names->model, output, &found, NULL) != VITLRP_OK) {
            found =
                (struct vitlrp_class){.output = output, .index = output, .wnid = "", .label = ""};
        }
        names->outputs[names->count++] = output;
        json_add(names->list, json_title(&found), complete);
    }
    return json_integer((json_int_t) place);
}

static json_t *json_single(const struct image_page *page, struct names *names, bool *complete) {
    const struct page_drops *drops = &page->drops;
    json_t *object = json_object();
    json_t *logits = json_array();
    json_t *chances = json_array();
    json_t *top = json_array();
    for (size_t c = 0; c < page->class_count; c++) {
        json_t *of_logit = json_array();
        json_t *of_chance = json_array();
        for (size_t i = c * page->patches; i < (c + 1) * page->patches; i++) {
            json_add(of_logit, json_float32(drops->logits[i]), complete);
            json_add(of_chance, json_float(drops->probabilities[i]), complete);
        }
        json_add(logits, of_logit, complete);
        json_add(chances, of_chance, complete);
    }
    for (size_t i = 0; i < page->patches; i++) {
        json_add(top, json_name(names, drops->top[i], complete), complete);
    }
    json_set(object, "logits", logits, complete);
    json_set(object, "probabilities", chances, complete);
    json_set(object, "top", top, complete);
    return object;
}

static json_t *json_set_of_patches(const struct image_page *page, const struct page_set *set,
                                   struct names *names, bool *complete) {
    json_t *object = json_object();
    json_t *patches = json_array();
    for (size_t i = 0; i < page->patches; i++) {
        if (set->patches[i] != 0) {
            json_add(patches, json_integer((json_int_t) i), complete);
        }
    }
    json_set(object, "target", json_integer((json_int_t) set->target), complete);
    json_set(object, "method", json_integer(0), complete);
    json_set(object, "goal", json_string(word_of(WORDS_PATCH_GOAL, set->goal)), complete);
    json_set(object, "found", json_boolean(set->search.found != 0), complete);
    json_set(object, "patches", patches, complete);
    json_set(object, "prefix", json_integer(set->search.prefix), complete);
    json_set(object, "forwards", json_integer(set->search.forwards), complete);
    json_set(object, "logit", json_float(set->logit), complete);
    json_set(object, "probability", json_float(set->probability), complete);
    json_set(object, "top", json_name(names, set->top, complete), complete);
    return object;
}

static json_t *json_removal(const struct image_page *page, bool *complete) {
    struct names names = {.model = page->state->model, .list = json_array()};
    json_t *object = json_object();
    json_t *sets = json_array();
    names.outputs = mem_calloc(page->patches + page->set_count, sizeof *names.outputs);
    if (names.outputs == NULL) {
        *complete = false;
        json_decref(names.list);
        json_decref(sets);
        return object;
    }
    json_set(object, "replacement",
             json_string(word_of(WORDS_REPLACEMENT, page->state->settings->replacement)), complete);
    json_set(object, "forwards", json_integer((json_int_t) page->forwards), complete);
    json_set(object, "single", json_single(page, &names, complete), complete);
    for (size_t i = 0; i < page->set_count; i++) {
        json_add(sets, json_set_of_patches(page, &page->sets[i], &names, complete), complete);
    }
    json_set(object, "sets", sets, complete);
    json_set(object, "names", names.list, complete);
    mem_free(names.outputs);
    return object;
}

/* ---- All of it ---- */

static void set_picture(json_t *object, const struct image_page *page, int32_t width,
                        int32_t height, bool *complete) {
    const struct vitlrp_geometry *geometry = &page->explanation->photo->geometry;
    double x = (double) width / geometry->image_width;
    double y = (double) height / geometry->image_height;
    json_set(object, "grid",
             json_pack("[ii]", page->state->info.grid_height, page->state->info.grid_width),
             complete);
    json_set(object, "picture", json_pack("[ii]", width, height), complete);
    json_set(object, "seen",
             json_pack("[ffff]", geometry->left * x, geometry->top * y, geometry->width * x,
                       geometry->height * y),
             complete);
}

enum vitlrp_status image_page_data(const struct image_page *page, int32_t width, int32_t height,
                                   json_t **out, struct vitlrp_error *err) {
    const struct vitlrp_render_options *render = &page->state->settings->render;
    struct vitlrp_model_info info;
    bool complete = true;
    json_t *object = json_object();
    json_t *colors = json_array();
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(page->state->model, &info);
    json_set(object, "format", json_string(FORMAT_PAGE), &complete);
    json_set(object, "version", json_string(vitlrp_version()), &complete);
    json_set(object, "image", json_shown(image_page_name(page)), &complete);
    json_set(object, "model", json_shown(model_short_name(info.name)), &complete);
    json_set(object, "output",
             json_string(info.outputs == VITLRP_OUTPUTS_CLASSES ? "logit" : "output"), &complete);
    json_set(object, "upsample", json_string(word_of(WORDS_UPSAMPLE, render->upsample)), &complete);
    json_set(object, "underlay", json_string(word_of(WORDS_UNDERLAY, render->underlay)), &complete);
    set_picture(object, page, width, height, &complete);
    json_set(object, "classes", json_classes(page, &complete), &complete);
    json_set(object, "targets", json_targets(page, &complete), &complete);
    json_set(object, "methods", json_methods(page, &complete), &complete);
    json_set(object, "parts", json_parts(&complete), &complete);
    json_add(colors, json_color(color_name(page, true), &complete), &complete);
    json_add(colors, json_color(color_name(page, false), &complete), &complete);
    json_set(object, "colors", colors, &complete);
    json_set(object, "maps", json_maps(page, &complete), &complete);
    json_set(object, "removal", page->has_removal ? json_removal(page, &complete) : json_null(),
             &complete);
    if (!complete) {
        json_decref(object);
        return fail(err, VITLRP_NOMEM, "out of memory for the data of a page");
    }
    *out = object;
    return VITLRP_OK;
}
