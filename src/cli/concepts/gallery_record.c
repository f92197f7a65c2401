/* The record of a gallery, as data/FORMATS.md describes it. Its numbers are float32, which a JSON
 * keeps bit for bit: what is computed of a record that was read is what was computed before. */
#include <math.h>
#include <string.h>

#include "base/formats.h"
#include "base/mem.h"
#include "base/naming.h"
#include "base/settings_json.h"
#include "base/words.h"
#include "cli/explanation.h"
#include "gallery.h"

#define CLEAREST 20
#define NORMAL_95 1.959963984540054

static const char *const KINDS[] = {"relevance", "activation", "random"};
#define KIND_COUNT (sizeof KINDS / sizeof KINDS[0])

/* null for what is not known. */
static json_t *json_float(double value) {
    return isfinite(value) ? json_float32((float) value) : json_null();
}

static void set_class(json_t *object, const struct gallery *gallery, int32_t output,
                      uint32_t target, bool *complete) {
    const char *label = output < 0 ? "" : gallery->classes[output].label;
    json_set(object, "class", json_integer((json_int_t) target), complete);
    json_set(object, "name", json_text(label == NULL ? "" : label), complete);
}

static bool keeps(const struct gallery *gallery, size_t kind) {
    return unit_index_keeps(&gallery->of.index->shape, kind);
}

/* null of a kind that the index does not keep. */
static json_t *json_count(const struct gallery *gallery, size_t kind, size_t count) {
    return keeps(gallery, kind) ? json_integer((json_int_t) count) : json_null();
}

/* ---- A unit's images and classes ---- */

static json_t *json_entry(const struct gallery *gallery, const struct gallery_entry *entry,
                          bool *complete) {
    json_t *object = json_object();
    const struct vitlrp_dataset_image image = batch_plan_image(gallery->of.plan, entry->of.image);
    json_set(object, "image", json_integer((json_int_t) entry->of.image), complete);
    json_set(object, "id", json_text(image.id == NULL ? "" : image.id), complete);
    set_class(object, gallery, entry->output, entry->of.target, complete);
    json_set(object, "score", json_float((double) entry->of.score), complete);
    json_set(object, "token", json_integer(entry->of.token), complete);
    json_set(object, "drop", json_float(entry->drop), complete);
    return object;
}

static json_t *json_row(const struct gallery *gallery, const struct gallery_row *row,
                        bool *complete) {
    json_t *list = json_array();
    for (size_t i = 0; i < row->count; i++) {
        json_add(list, json_entry(gallery, &row->entries[i], complete), complete);
    }
    return list;
}

static size_t count_target(const struct gallery_row *row, uint32_t target) {
    size_t count = 0;
    for (size_t i = 0; i < row->count; i++) {
        count += row->entries[i].of.target == target ? 1 : 0;
    }
    return count;
}

static double mean_drop(const struct gallery_unit *unit, int32_t output) {
    return unit->tested == 0 || output < 0
               ? NAN
               : (double) unit->sums[output] / GALLERY_SCALE / (double) unit->tested;
}

/* A class of the rows: how many images of each it has. */
struct of_rows {
    uint32_t target;
    int32_t output;
    size_t relevance, activation;
};

static bool comes_before(const struct of_rows *a, const struct of_rows *b) {
    return a->relevance != b->relevance     ? a->relevance > b->relevance
           : a->activation != b->activation ? a->activation > b->activation
                                            : a->target < b->target;
}

static size_t list_classes(const struct gallery_unit *unit,
                           struct of_rows list[UNIT_INDEX_KINDS * GALLERY_ROW]) {
    size_t count = 0;
    for (int kind = 0; kind < UNIT_INDEX_KINDS; kind++) {
        for (size_t i = 0; i < unit->rows[kind].count; i++) {
            const struct gallery_entry *entry = &unit->rows[kind].entries[i];
            struct of_rows found = {
                entry->of.target, entry->output,
                count_target(&unit->rows[UNIT_INDEX_RELEVANCE], entry->of.target),
                count_target(&unit->rows[UNIT_INDEX_ACTIVATION], entry->of.target)};
            size_t place = 0;
            while (place < count && comes_before(&list[place], &found)) {
                place++;
            }
            if (place < count && list[place].target == found.target) {
                continue;
            }
            memmove(list + place + 1, list + place, (count - place) * sizeof *list);
            list[place] = found;
            count++;
        }
    }
    return count;
}

static json_t *json_classes(const struct gallery *gallery, const struct gallery_unit *unit,
                            bool *complete) {
    struct of_rows list[UNIT_INDEX_KINDS * GALLERY_ROW];
    size_t count = list_classes(unit, list);
    json_t *classes = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        set_class(object, gallery, list[i].output, list[i].target, complete);
        json_set(object, "relevance", json_count(gallery, UNIT_INDEX_RELEVANCE, list[i].relevance),
                 complete);
        json_set(object, "activation",
                 json_count(gallery, UNIT_INDEX_ACTIVATION, list[i].activation), complete);
        json_set(object, "drop", json_float(mean_drop(unit, list[i].output)), complete);
        json_add(classes, object, complete);
    }
    return classes;
}

/* The classes in whose images the unit has the largest part, of an index with sums by class. */
static json_t *json_means(const struct gallery *gallery, const struct gallery_unit *unit,
                          bool *complete) {
    json_t *list = json_array();
    for (size_t i = 0; i < unit->mean_count; i++) {
        const struct gallery_mean *mean = &unit->means[i];
        json_t *object = json_object();
        set_class(object, gallery, (int32_t) mean->output,
                  (uint32_t) gallery->classes[mean->output].index, complete);
        json_set(object, "mean", json_float(mean->mean), complete);
        json_set(object, "images", json_integer((json_int_t) mean->images), complete);
        json_add(list, object, complete);
    }
    return list;
}

/* Images that are in both rows. */
static size_t count_shared(const struct gallery_unit *unit) {
    const struct gallery_row *one = &unit->rows[UNIT_INDEX_RELEVANCE];
    const struct gallery_row *other = &unit->rows[UNIT_INDEX_ACTIVATION];
    size_t count = 0;
    for (size_t i = 0; i < one->count; i++) {
        for (size_t j = 0; j < other->count; j++) {
            count += one->entries[i].of.image == other->entries[j].of.image ? 1 : 0;
        }
    }
    return count;
}

/* ---- Its test ---- */

/* Whether the class is one of those of the images drawn by chance, by their lines. */
static enum vitlrp_status find_by_chance(const struct gallery *gallery,
                                         const struct gallery_unit *unit, uint32_t target,
                                         bool *found, struct vitlrp_error *err) {
    *found = false;
    for (size_t i = 0; i < unit->random_count && !*found; i++) {
        json_t *line = NULL;
        TRY(journal_read(gallery->of.journal, unit->random[i], &line, err));
        *found = json_integer_value(json_object_get(line, "class")) == (json_int_t) target;
        json_decref(line);
    }
    return VITLRP_OK;
}

/* By how many standard deviations of the falls of all classes the largest lies above their mean. */
static double stands_out(const struct gallery *gallery, const struct gallery_unit *unit,
                         size_t largest) {
    double count = (double) gallery->class_count;
    double mean = 0.0;
    double squares = 0.0;
    for (size_t i = 0; i < gallery->class_count; i++) {
        mean += mean_drop(unit, (int32_t) i) / count;
    }
    for (size_t i = 0; i < gallery->class_count; i++) {
        double beside = mean_drop(unit, (int32_t) i) - mean;
        squares += beside * beside / count;
    }
    return squares > 0.0 ? (mean_drop(unit, (int32_t) largest) - mean) / sqrt(squares) : 0.0;
}

static enum vitlrp_status make_test(const struct gallery *gallery, const struct gallery_unit *unit,
                                    json_t *object, bool *complete, struct vitlrp_error *err) {
    size_t largest = 0;
    bool by_chance = false;
    for (size_t i = 1; i < gallery->class_count; i++) {
        largest = unit->sums[i] > unit->sums[largest] ? i : largest;
    }
    uint32_t target = (uint32_t) gallery->classes[largest].index;
    TRY(find_by_chance(gallery, unit, target, &by_chance, err));
    json_t *test = json_object();
    json_t *random = json_array();
    json_set(test, "images", json_integer((json_int_t) unit->tested), complete);
    set_class(test, gallery, (int32_t) largest, target, complete);
    json_set(test, "drop", json_float(mean_drop(unit, (int32_t) largest)), complete);
    json_set(test, "stands_out", json_float(stands_out(gallery, unit, largest)), complete);
    for (size_t i = 0; i < UNIT_INDEX_KINDS; i++) {
        bool among = count_target(&unit->rows[i], target) > 0;
        json_set(test, KINDS[i], keeps(gallery, i) ? json_boolean(among) : json_null(), complete);
    }
    json_set(test, "random", json_boolean(by_chance), complete);
    for (size_t i = 0; i < unit->random_count; i++) {
        json_add(random, json_integer((json_int_t) unit->random[i]), complete);
    }
    json_set(test, "random_images", random, complete);
    json_set(object, "test", test, complete);
    return VITLRP_OK;
}

/* ---- A unit ---- */

/* Its mean share of the block's relevance, and which part of that relevance is positive. */
static void set_sums(json_t *object, const struct gallery *gallery, const struct gallery_unit *unit,
                     bool *complete) {
    const struct unit_index *index = gallery->of.index;
    const int64_t *sums = index->sums + unit->number * UNIT_INDEX_SUMS;
    double whole = (double) sums[UNIT_INDEX_SUM_RELEVANCE] / UNIT_INDEX_RELEVANCE_SCALE;
    double positive = (double) sums[UNIT_INDEX_SUM_POSITIVE] / UNIT_INDEX_RELEVANCE_SCALE;
    double negative = positive - whole;
    double all = positive + negative;
    bool known = index->count > 0 && keeps(gallery, UNIT_INDEX_RELEVANCE);
    json_set(object, "mean", json_float(known ? whole / (double) index->count : NAN), complete);
    json_set(object, "positive", json_float(all > 0.0 ? positive / all : NAN), complete);
}

static enum vitlrp_status make_unit(const struct gallery *gallery, const struct gallery_unit *unit,
                                    json_t *object, bool *complete, struct vitlrp_error *err) {
    json_set(object, "unit", json_string(unit->name), complete);
    json_set(object, "ranked", json_boolean(unit->is_ranked), complete);
    set_sums(object, gallery, unit, complete);
    bool both = gallery->of.index->shape.kinds == UNIT_INDEX_ALL_KINDS;
    json_set(object, "shared", both ? json_integer((json_int_t) count_shared(unit)) : json_null(),
             complete);
    json_set(object, "relevance", json_row(gallery, &unit->rows[UNIT_INDEX_RELEVANCE], complete),
             complete);
    json_set(object, "activation", json_row(gallery, &unit->rows[UNIT_INDEX_ACTIVATION], complete),
             complete);
    json_set(object, "classes", json_classes(gallery, unit, complete), complete);
    if (gallery->of.rows != NULL) {
        json_set(object, "class_means", json_means(gallery, unit, complete), complete);
    }
    if (unit->tested == 0) {
        json_set(object, "test", json_null(), complete);
        return VITLRP_OK;
    }
    return make_test(gallery, unit, object, complete, err);
}

static enum vitlrp_status add_units(const struct gallery *gallery, json_t *units, bool *complete,
                                    struct vitlrp_error *err) {
    for (size_t i = 0; i < gallery->unit_count; i++) {
        const struct gallery_unit *unit = &gallery->units[i];
        json_t *object = unit->known == NULL ? json_object() : json_deep_copy(unit->known);
        json_add(units, object, complete);
        if (unit->known == NULL) {
            TRY(make_unit(gallery, unit, object, complete, err));
        } else {
            json_set(object, "ranked", json_boolean(unit->is_ranked), complete);
        }
    }
    return VITLRP_OK;
}

/* ---- What follows from all units ---- */

/* The interval of a share (Wilson 1927), which is one near 0 and 1 too. */
static json_t *json_rate(size_t count, size_t of, bool *complete) {
    double n = (double) of;
    double share = (double) count / n;
    double square = NORMAL_95 * NORMAL_95;
    double middle = (share + square / (2.0 * n)) / (1.0 + square / n);
    double half =
        NORMAL_95 * sqrt(share * (1.0 - share) / n + square / (4.0 * n * n)) / (1.0 + square / n);
    json_t *rate = json_object();
    json_set(rate, "count", json_integer((json_int_t) count), complete);
    json_set(rate, "rate", json_float(share), complete);
    json_set(rate, "low", json_float(fmax(middle - half, 0.0)), complete);
    json_set(rate, "high", json_float(fmin(middle + half, 1.0)), complete);
    return rate;
}

/* Of the units that are there by their rank: those that were asked for were chosen by eye. */
static void set_rates(json_t *record, const struct gallery *gallery, const json_t *units,
                      bool *complete) {
    size_t counts[KIND_COUNT] = {0};
    size_t tested = 0;
    size_t i;
    json_t *unit;
    json_array_foreach((json_t *) units, i, unit) {
        const json_t *test = json_object_get(unit, "test");
        if (!json_is_object(test) || !json_is_true(json_object_get(unit, "ranked"))) {
            continue;
        }
        tested++;
        for (size_t kind = 0; kind < KIND_COUNT; kind++) {
            counts[kind] += json_is_true(json_object_get(test, KINDS[kind])) ? 1 : 0;
        }
    }
    json_t *rates = tested == 0 ? json_null() : json_object();
    json_set(record, "rates", rates, complete);
    if (tested > 0) {
        json_set(rates, "units", json_integer((json_int_t) tested), complete);
    }
    for (size_t kind = 0; tested > 0 && kind < KIND_COUNT; kind++) {
        bool known = kind >= UNIT_INDEX_KINDS || keeps(gallery, kind);
        json_set(rates, KINDS[kind],
                 known ? json_rate(counts[kind], tested, complete) : json_null(), complete);
    }
}

static double clearness(const json_t *unit) {
    return json_number_value(json_object_get(json_object_get(unit, "test"), "stands_out"));
}

/* The units whose class stands out most, whether it is among their images' classes or not. */
static void set_clearest(json_t *record, const json_t *units, bool *complete) {
    const json_t *best[CLEAREST];
    size_t count = 0;
    size_t i;
    json_t *unit;
    json_t *list = json_array();
    json_array_foreach((json_t *) units, i, unit) {
        size_t place = count;
        while (place > 0 && clearness(unit) > clearness(best[place - 1])) {
            place--;
        }
        if (!json_is_object(json_object_get(unit, "test")) || place == CLEAREST) {
            continue;
        }
        size_t moved = (count < CLEAREST ? count : CLEAREST - 1) - place;
        memmove(best + place + 1, best + place, moved * sizeof *best);
        best[place] = unit;
        count += count < CLEAREST ? 1 : 0;
    }
    for (size_t place = 0; place < count; place++) {
        json_add(list, json_incref(json_object_get(best[place], "unit")), complete);
    }
    json_set(record, "clearest", list, complete);
}

/* ---- The record ---- */

static void set_head(json_t *record, const struct gallery *gallery, bool *complete) {
    const struct gallery_source *of = &gallery->of;
    const json_t *config = of->config;
    const char *dataset = json_get_string(config, "dataset");
    const char *model = json_get_string(config, "model");
    json_set(record, "format", json_string(FORMAT_GALLERY), complete);
    json_set(record, "version", json_string(vitlrp_version()), complete);
    json_set(record, "model", json_text(model == NULL ? "" : model), complete);
    json_set(record, "dataset", json_text(dataset == NULL ? "" : text_path_shown(dataset)),
             complete);
    json_set(record, "method", json_string(of->first->settings->method_info.name), complete);
    json_set(record, "site", json_string(word_of(WORDS_SITE, (int) of->site)), complete);
    json_set(record, "index_sha256", json_string(of->identity), complete);
    json_set(record, "images", json_integer((json_int_t) of->index->count), complete);
    json_set(record, "gallery", json_integer(of->choice->units), complete);
    json_set(record, "test_images", json_integer((json_int_t) gallery->test_count), complete);
    json_set(record, "pictures", json_boolean(of->choice->has_pictures), complete);
}

enum vitlrp_status gallery_record(const struct gallery *gallery, json_t **out,
                                  struct vitlrp_error *err) {
    bool complete = true;
    json_t *record = json_object();
    json_t *units = json_array();
    set_head(record, gallery, &complete);
    enum vitlrp_status status = add_units(gallery, units, &complete, err);
    set_rates(record, gallery, units, &complete);
    set_clearest(record, units, &complete);
    json_set(record, "units", units, &complete);
    if (status == VITLRP_OK && !complete) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the record of a gallery");
    }
    if (status != VITLRP_OK) {
        json_decref(record);
        return status;
    }
    *out = record;
    return VITLRP_OK;
}
