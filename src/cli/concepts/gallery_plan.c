/* Which units a gallery shows, and which images of each. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/formats.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/words.h"
#include "gallery.h"

#define DEFAULT_UNITS 5
#define MOST_UNITS 100
#define DEFAULT_TEST_IMAGES 200
#define MOST_TEST_IMAGES 1000000
#define RECORD_LIMIT ((size_t) 1 << 28)
#define SEED 0

enum vitlrp_status gallery_choose(const struct args *args, struct gallery_choice *choice,
                                  struct vitlrp_error *err) {
    int64_t units = DEFAULT_UNITS;
    int64_t test_images = DEFAULT_TEST_IMAGES;
    TRY(option_whole(args, OPTION_GALLERY, 0, MOST_UNITS, &units, err));
    TRY(option_whole(args, OPTION_TEST_IMAGES, 0, MOST_TEST_IMAGES, &test_images, err));
    *choice = (struct gallery_choice){.units = (int32_t) units,
                                      .test_images = (int32_t) test_images,
                                      .has_pictures = args->value[OPTION_NO_PICTURES] == NULL,
                                      .show = args->value[OPTION_SHOW]};
    return VITLRP_OK;
}

void gallery_close(struct gallery *gallery) {
    mem_free(gallery->classes);
    mem_free(gallery->units);
    mem_free(gallery->done);
    mem_free(gallery->test);
    mem_free(gallery->sums);
    json_decref(gallery->before);
    *gallery = (struct gallery){0};
}

/* The output of a class; -1 for one that the model does not have. */
static int32_t output_of(const struct gallery *gallery, uint32_t target) {
    const struct gallery_class *classes = gallery->classes;
    if (target < gallery->class_count && classes[target].index == (int32_t) target) {
        return (int32_t) target;
    }
    for (size_t i = 0; i < gallery->class_count; i++) {
        if (classes[i].index == (int32_t) target) {
            return (int32_t) i;
        }
    }
    return -1;
}

void gallery_crop_name(const char *unit, enum unit_index_kind kind, uint32_t image,
                       struct text *out) {
    for (const char *at = unit; *at != '\0'; at++) {
        text_append(out, *at == ':' ? "-" : at, 1);
    }
    text_printf(out, ".%s.%u.jpg", word_of(WORDS_CONCEPT_KIND, kind), (unsigned) image);
}

static enum vitlrp_status read_classes(struct gallery *gallery, struct vitlrp_error *err) {
    const struct vitlrp_model *model = gallery->of.first->model;
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    gallery->class_count = (size_t) info.classes;
    gallery->classes = mem_calloc(gallery->class_count, sizeof *gallery->classes);
    if (gallery->classes == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the names of %d classes", info.classes);
    }
    for (int32_t i = 0; i < info.classes; i++) {
        struct vitlrp_class found;
        TRY(vitlrp_model_class(model, i, &found, err));
        gallery->classes[i] = (struct gallery_class){found.index, found.label};
    }
    return VITLRP_OK;
}

/* ---- Images ---- */

static enum vitlrp_status list_done(struct gallery *gallery, struct vitlrp_error *err) {
    const struct unit_index *index = gallery->of.index;
    gallery->done = mem_calloc(index->count, sizeof *gallery->done);
    if (gallery->done == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a list of %zu images", index->count);
    }
    for (size_t i = 0; i < index->shape.images && gallery->done_count < index->count; i++) {
        if (unit_index_has(index, i)) {
            gallery->done[gallery->done_count++] = (uint32_t) i;
        }
    }
    return VITLRP_OK;
}

static int compare_images(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *) left;
    uint32_t b = *(const uint32_t *) right;
    return (a > b) - (a < b);
}

/* The first of the images in an order by chance (Fisher and Yates). */
static enum vitlrp_status choose_test(struct gallery *gallery, struct vitlrp_error *err) {
    size_t wanted = gallery->has_drops && gallery->class_count > 1
                        ? (size_t) gallery->of.choice->test_images
                        : 0;
    struct random_stream stream = random_open(random_derive(SEED, "test"));
    gallery->test = mem_calloc(gallery->done_count, sizeof *gallery->test);
    if (gallery->test == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a list of %zu images",
                    gallery->done_count);
    }
    memcpy(gallery->test, gallery->done, gallery->done_count * sizeof *gallery->test);
    gallery->test_count = wanted < gallery->done_count ? wanted : gallery->done_count;
    for (size_t i = 0; i < gallery->test_count; i++) {
        size_t other = i + random_below(&stream, gallery->done_count - i);
        uint32_t image = gallery->test[i];
        gallery->test[i] = gallery->test[other];
        gallery->test[other] = image;
    }
    qsort(gallery->test, gallery->test_count, sizeof *gallery->test, compare_images);
    return VITLRP_OK;
}

static bool is_among(const uint32_t *images, size_t count, uint32_t image) {
    for (size_t i = 0; i < count; i++) {
        if (images[i] == image) {
            return true;
        }
    }
    return false;
}

bool gallery_may_test(const struct gallery *gallery, const struct gallery_unit *unit,
                      uint32_t image) {
    const struct unit_index *index = gallery->of.index;
    for (size_t kind = 0; kind < UNIT_INDEX_KINDS; kind++) {
        const struct topk *best = &index->best[kind];
        if (unit_index_keeps(&index->shape, kind) &&
            is_among(best->image + unit->number * best->keep, best->keep, image)) {
            return false;
        }
    }
    return !is_among(unit->random, unit->random_count, image);
}

/* ---- Units ---- */

static void fill_row(const struct gallery *gallery, enum unit_index_kind kind,
                     struct gallery_unit *unit) {
    const struct topk *best = &gallery->of.index->best[kind];
    struct gallery_row *row = &unit->rows[kind];
    for (size_t i = 0; i < best->keep && i < GALLERY_ROW; i++) {
        size_t place = unit->number * best->keep + i;
        if (best->image[place] == TOPK_NO_IMAGE) {
            break;
        }
        row->entries[row->count++] = (struct gallery_entry){
            .of = {best->score[place], best->image[place], best->target[place], best->token[place]},
            .output = output_of(gallery, best->target[place]),
            .drop = NAN};
    }
}

static void draw_random(const struct gallery *gallery, struct gallery_unit *unit) {
    struct random_stream stream = random_open(random_derive(SEED, unit->name));
    size_t wanted =
        size_max(unit->rows[UNIT_INDEX_RELEVANCE].count, unit->rows[UNIT_INDEX_ACTIVATION].count);
    while (unit->random_count < wanted && unit->random_count < gallery->done_count) {
        uint32_t image = gallery->done[random_below(&stream, gallery->done_count)];
        if (!is_among(unit->random, unit->random_count, image)) {
            unit->random[unit->random_count++] = image;
        }
    }
}

static void add_unit(struct gallery *gallery, const struct vitlrp_unit *wanted, bool is_ranked) {
    for (size_t i = 0; i < gallery->unit_count; i++) {
        const struct vitlrp_unit *known = &gallery->units[i].unit;
        if (known->block == wanted->block && known->index == wanted->index) {
            gallery->units[i].is_ranked |= is_ranked;
            return;
        }
    }
    struct gallery_unit *unit = &gallery->units[gallery->unit_count++];
    unit->unit = *wanted;
    unit->is_ranked = is_ranked;
    unit->number = (size_t) wanted->block * gallery->of.index->shape.width + (size_t) wanted->index;
    vitlrp_unit_name(wanted, unit->name);
    fill_row(gallery, UNIT_INDEX_RELEVANCE, unit);
    fill_row(gallery, UNIT_INDEX_ACTIVATION, unit);
    draw_random(gallery, unit);
}

/* Of two units of a block, by their mean relevance; where the index has none, by the activation of
 * the image that activates them most. */
static bool ranks_above(const struct gallery *gallery, size_t one, size_t other) {
    const struct unit_index *of = gallery->of.index;
    const struct topk *active = &of->best[UNIT_INDEX_ACTIVATION];
    const int64_t *sums = of->sums + UNIT_INDEX_SUM_RELEVANCE;
    return unit_index_keeps(&of->shape, UNIT_INDEX_RELEVANCE)
               ? sums[one * UNIT_INDEX_SUMS] > sums[other * UNIT_INDEX_SUMS]
               : active->score[one * active->keep] > active->score[other * active->keep];
}

/* The first of a block; of equal ones those with the smaller number. */
static void rank_block(struct gallery *gallery, size_t block, bool *taken) {
    size_t width = gallery->of.index->shape.width;
    memset(taken, 0, width * sizeof *taken);
    for (int32_t rank = 0; rank < gallery->of.choice->units && (size_t) rank < width; rank++) {
        size_t best = width;
        for (size_t i = 0; i < width; i++) {
            if (!taken[i] &&
                (best == width || ranks_above(gallery, block * width + i, block * width + best))) {
                best = i;
            }
        }
        taken[best] = true;
        add_unit(gallery, &(struct vitlrp_unit){gallery->of.site, (int32_t) block, (int32_t) best},
                 true);
    }
}

/* The next name of a list. */
static enum vitlrp_status parse_shown(const struct gallery *gallery, const char **list,
                                      struct vitlrp_unit *unit, struct vitlrp_error *err) {
    char name[VITLRP_UNIT_NAME];
    size_t length = strcspn(*list, ",");
    if (length >= sizeof name) {
        return option_fail("--show", *list, "names of units with commas, as 4:fc1:65,4:fc1:7", err);
    }
    memcpy(name, *list, length);
    name[length] = '\0';
    *list += length + ((*list)[length] == ',' ? 1 : 0);
    TRY(error_prefix(err, vitlrp_unit_parse(name, unit, err), "--show"));
    if (unit->site != gallery->of.site) {
        return option_fail("--show", name, "a unit of the site that the index is of", err);
    }
    return error_prefix(err, vitlrp_model_check_unit(gallery->of.first->model, unit, err),
                        "--show");
}

/* The last block first; in a block the order stays (qsort keeps none). */
static void sort_blocks(struct gallery *gallery) {
    struct gallery_unit *units = gallery->units;
    for (size_t i = 1; i < gallery->unit_count; i++) {
        for (size_t j = i; j > 0 && units[j - 1].unit.block < units[j].unit.block; j--) {
            struct gallery_unit other = units[j];
            units[j] = units[j - 1];
            units[j - 1] = other;
        }
    }
}

/* Units that were asked for before stay on the page. */
static void keep_shown(struct gallery *gallery) {
    size_t i;
    json_t *unit;
    json_array_foreach(json_object_get(gallery->before, "units"), i, unit) {
        struct vitlrp_unit found;
        const char *name = json_get_string(unit, "unit");
        if (json_is_false(json_object_get(unit, "ranked")) && name != NULL &&
            vitlrp_unit_parse(name, &found, NULL) == VITLRP_OK &&
            vitlrp_model_check_unit(gallery->of.first->model, &found, NULL) == VITLRP_OK) {
            add_unit(gallery, &found, false);
        }
    }
}

static enum vitlrp_status choose_units(struct gallery *gallery, struct vitlrp_error *err) {
    const struct unit_index_shape *shape = &gallery->of.index->shape;
    const char *list = gallery->of.choice->show == NULL ? "" : gallery->of.choice->show;
    size_t most = shape->blocks * (size_t) gallery->of.choice->units + strlen(list) + 1 +
                  json_array_size(json_object_get(gallery->before, "units"));
    enum vitlrp_status status = VITLRP_OK;
    bool *taken = mem_calloc(shape->width, sizeof *taken);
    gallery->units = mem_calloc(most, sizeof *gallery->units);
    if (taken == NULL || gallery->units == NULL) {
        mem_free(taken);
        return fail(err, VITLRP_NOMEM, "out of memory for %zu units", most);
    }
    for (size_t block = shape->blocks; block-- > 0;) {
        rank_block(gallery, block, taken);
    }
    mem_free(taken);
    while (status == VITLRP_OK && list[0] != '\0') {
        struct vitlrp_unit unit = {gallery->of.site, 0, 0};
        status = parse_shown(gallery, &list, &unit, err);
        if (status == VITLRP_OK) {
            add_unit(gallery, &unit, false);
        }
    }
    keep_shown(gallery);
    sort_blocks(gallery);
    return status;
}

/* ---- What is known ---- */

/* The record that is there, if it is of this very index, program and test; whatever else is there
 * is made anew. */
static void read_before(struct gallery *gallery) {
    struct bytes bytes = {0};
    struct vitlrp_error unread;
    const struct gallery_source *of = &gallery->of;
    json_t *record = NULL;
    if (file_read_below(of->folder, GALLERY_RECORD, RECORD_LIMIT, &bytes, &unread) != VITLRP_OK) {
        return;
    }
    if (json_parse_object((const char *) bytes.data, bytes.size, &record, &unread) == VITLRP_OK) {
        const char *format = json_get_string(record, "format");
        const char *version = json_get_string(record, "version");
        const char *identity = json_get_string(record, "index_sha256");
        json_int_t images = json_integer_value(json_object_get(record, "images"));
        json_int_t test = json_integer_value(json_object_get(record, "test_images"));
        bool same = format != NULL && strcmp(format, FORMAT_GALLERY) == 0 && version != NULL &&
                    strcmp(version, vitlrp_version()) == 0 && identity != NULL &&
                    strcmp(identity, of->identity) == 0 &&
                    images == (json_int_t) of->index->count &&
                    test == (json_int_t) gallery->test_count;
        gallery->before = same ? json_incref(record) : NULL;
        json_decref(record);
    }
    bytes_free(&bytes);
}

static const json_t *find_known(const struct gallery *gallery, const char *name) {
    size_t i;
    json_t *unit;
    json_array_foreach(json_object_get(gallery->before, "units"), i, unit) {
        const char *known = json_get_string(unit, "unit");
        if (known != NULL && strcmp(known, name) == 0) {
            return unit;
        }
    }
    return NULL;
}

/* ---- Classes ---- */

/* Of equal means the first class comes first. */
static void add_mean(struct gallery_unit *unit, const struct gallery_mean *mean) {
    size_t place = unit->mean_count;
    while (place > 0 && mean->mean > unit->means[place - 1].mean) {
        place--;
    }
    if (place < GALLERY_MEANS) {
        unit->mean_count += unit->mean_count < GALLERY_MEANS ? 1 : 0;
        memmove(unit->means + place + 1, unit->means + place,
                (unit->mean_count - place - 1) * sizeof *unit->means);
        unit->means[place] = *mean;
    }
}

/* Each row is read once, for all units. */
static enum vitlrp_status find_means(struct gallery *gallery, struct vitlrp_error *err) {
    const struct unit_index *index = gallery->of.index;
    enum vitlrp_status status = VITLRP_OK;
    int64_t *row = mem_calloc(unit_index_units(&index->shape), sizeof *row);
    if (row == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the sums of a class");
    }
    for (size_t output = 0; status == VITLRP_OK && output < index->shape.classes; output++) {
        struct gallery_mean mean = {.output = output, .images = index->class_images[output]};
        if (mean.images == 0) {
            continue;
        }
        status = class_rows_read(gallery->of.rows, output, row, err);
        for (size_t i = 0; status == VITLRP_OK && i < gallery->unit_count; i++) {
            mean.mean = (double) row[gallery->units[i].number] / UNIT_INDEX_RELEVANCE_SCALE /
                        (double) mean.images;
            add_mean(&gallery->units[i], &mean);
        }
    }
    mem_free(row);
    return status;
}

static enum vitlrp_status find_crops(struct gallery *gallery, struct vitlrp_error *err) {
    for (size_t i = 0; i < gallery->unit_count * UNIT_INDEX_KINDS; i++) {
        struct gallery_unit *unit = &gallery->units[i / UNIT_INDEX_KINDS];
        enum unit_index_kind kind = (enum unit_index_kind)(i % UNIT_INDEX_KINDS);
        struct gallery_row *row = &unit->rows[kind];
        for (size_t j = 0; j < row->count; j++) {
            struct text name = {.limit = 256};
            bool found = false;
            text_append_string(&name, GALLERY_CROPS "/");
            gallery_crop_name(unit->name, kind, row->entries[j].of.image, &name);
            enum vitlrp_status status = text_check(&name, "the name of a picture", err);
            if (status == VITLRP_OK) {
                status = folder_find_file(gallery->of.folder, name.data, -1, &found, err);
            }
            text_free(&name);
            TRY(status);
            row->entries[j].wants_crop = !found;
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status open_sums(struct gallery *gallery, struct vitlrp_error *err) {
    gallery->sums = mem_calloc(gallery->unit_count, gallery->class_count * sizeof *gallery->sums);
    if (gallery->sums == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the classes of %zu units",
                    gallery->unit_count);
    }
    for (size_t i = 0; i < gallery->unit_count; i++) {
        gallery->units[i].sums = gallery->sums + i * gallery->class_count;
        gallery->units[i].known = find_known(gallery, gallery->units[i].name);
    }
    return VITLRP_OK;
}

enum vitlrp_status gallery_open(const struct gallery_source *source, struct gallery *out,
                                struct vitlrp_error *err) {
    *out = (struct gallery){.of = *source, .has_drops = source->site != VITLRP_SITE_STREAM};
    TRY(read_classes(out, err));
    TRY(list_done(out, err));
    TRY(choose_test(out, err));
    read_before(out);
    TRY(choose_units(out, err));
    TRY(open_sums(out, err));
    if (source->rows != NULL) {
        TRY(find_means(out, err));
    }
    return source->choice->has_pictures ? find_crops(out, err) : VITLRP_OK;
}
