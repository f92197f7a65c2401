/* Indexes of hidden units that a program makes, image by image (base/unit_index). */
#include <string.h>

#include "api/api.h"
#include "api/concepts_record.h"
#include "api/growable.h"
#include "api/handles.h"
#include "base/class_rows.h"
#include "base/draft.h"
#include "base/folder_draft.h"
#include "base/mem.h"
#include "base/run_folder.h"
#include "base/sha256.h"
#include "base/unit_index.h"
#include "base/unit_index_image.h"
#include "base/unit_index_run.h"
#include "base/words.h"
#include "vitlrp_concepts.h"
#include "vitlrp_units.h"

#define LINE_LIMIT ((size_t) 1 << 20)
#define RECORD_LIMIT ((size_t) 1 << 24)

struct vitlrp_concepts_builder {
    struct concepts_lines of;
    bool of_largest; /* the statistic "max" */
    struct unit_index index;
    struct class_rows rows; /* in memory; closed without them */
    json_t *record;         /* owned: run.json */
    char identity[SHA256_TEXT];
    float *shares;      /* owned: [blocks, width], of the image that is being added */
    struct text *lines; /* owned: [images], empty before the image is there */
};

/* ---- Beginning ---- */

static enum vitlrp_status check_options(const struct vitlrp_concepts_options *options,
                                        struct vitlrp_error *err) {
    struct vitlrp_method_options method;
    API_NEEDS(options->dataset != NULL && options->session != NULL && options->method != NULL &&
                  options->statistic != NULL,
              err);
    TRY(method_options_read(options->method, &method, err));
    const struct vit_method *found = method.method == NULL ? NULL : vit_method_find(method.method);
    if (found == NULL || !found->has_units) {
        return fail(err, VITLRP_USAGE, "the method %s shows no hidden units",
                    method.method == NULL ? "NULL" : method.method);
    }
    if (word_of(WORDS_SITE, options->site) == NULL) {
        return fail(err, VITLRP_USAGE, "there is no site %d", (int) options->site);
    }
    if (options->keep < 1 || options->keep > UNIT_INDEX_MOST_KEEP) {
        return fail(err, VITLRP_USAGE, "keep must be from 1 to %d, not %d", UNIT_INDEX_MOST_KEEP,
                    (int) options->keep);
    }
    if (strcmp(options->statistic, "sum") != 0 && strcmp(options->statistic, "max") != 0) {
        return fail(err, VITLRP_USAGE, "statistic must be \"sum\" or \"max\", not \"%.100s\"",
                    options->statistic);
    }
    if (options->kinds == 0 || options->kinds > UNIT_INDEX_ALL_KINDS) {
        return fail(err, VITLRP_USAGE, "there are no such kinds of images: %u",
                    (unsigned) options->kinds);
    }
    if (options->class_sums != 0 && (options->kinds >> UNIT_INDEX_RELEVANCE & 1U) == 0) {
        return fail(err, VITLRP_USAGE, "sums by class are of relevance, which is not kept");
    }
    return options->dataset->shards == 1
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "an index is of a whole dataset, not of a shard");
}

static enum vitlrp_status begin(const struct vitlrp_model *model,
                                const struct vitlrp_concepts_options *options,
                                struct vitlrp_concepts_builder *out, struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    const struct unit_index_shape shape = {
        .blocks = (size_t) info.depth,
        .width = (size_t) vitlrp_model_site_width(model, options->site),
        .parts = unit_index_parts(options->site, info.dim, info.heads),
        .keep = (size_t) options->keep,
        .kinds = options->kinds,
        .classes = options->class_sums != 0 ? (size_t) info.classes : 0,
        .images = options->dataset->dataset.count};
    out->of =
        (struct concepts_lines){.model = model,
                                .dataset = options->dataset,
                                .site = options->site,
                                .blocks = shape.blocks,
                                .has_branches = unit_index_keeps(&shape, UNIT_INDEX_RELEVANCE)};
    out->of_largest = strcmp(options->statistic, "max") == 0;
    TRY(concepts_record_make(model, options, &out->record, err));
    TRY(unit_index_run_identity(out->record, out->identity, err));
    out->of.method = json_get_string(json_object_get(out->record, "settings"), "method");
    TRY(unit_index_open(&shape, &out->index, err));
    if (shape.classes > 0) {
        TRY(class_rows_open(&out->index, -1, NULL, &out->rows, err));
    }
    out->shares = mem_calloc(unit_index_units(&shape), sizeof *out->shares);
    out->lines = mem_calloc(shape.images, sizeof *out->lines);
    return out->shares != NULL && out->lines != NULL
               ? VITLRP_OK
               : fail(err, VITLRP_NOMEM, "out of memory for an index of hidden units");
}

enum vitlrp_status vitlrp_concepts_make(const struct vitlrp_model *model,
                                        const struct vitlrp_concepts_options *options,
                                        struct vitlrp_concepts_builder **builder,
                                        struct vitlrp_error *error) {
    struct vitlrp_concepts_options known;
    API_NEEDS(model != NULL && options != NULL && builder != NULL, error);
    TRY(concepts_options_read(options, &known, error));
    TRY(check_options(&known, error));
    struct vitlrp_concepts_builder *made = mem_calloc(1, sizeof *made);
    if (made == NULL) {
        return fail(error, VITLRP_NOMEM, "out of memory for an index of hidden units");
    }
    enum vitlrp_status status = begin(model, &known, made, error);
    if (status != VITLRP_OK) {
        vitlrp_concepts_builder_close(made);
        return status;
    }
    *builder = made;
    return VITLRP_OK;
}

void vitlrp_concepts_builder_close(struct vitlrp_concepts_builder *builder) {
    if (builder == NULL) {
        return;
    }
    for (size_t i = 0; builder->lines != NULL && i < builder->index.shape.images; i++) {
        text_free(&builder->lines[i]);
    }
    mem_free(builder->lines);
    mem_free(builder->shares);
    json_decref(builder->record);
    class_rows_close(&builder->rows);
    unit_index_close(&builder->index);
    mem_free(builder);
}

/* ---- An image ---- */

static enum vitlrp_status check_values(const struct vitlrp_concepts_builder *builder,
                                       const struct vitlrp_concepts_image *image,
                                       struct vitlrp_error *err) {
    const struct vitlrp_unit_values *units = image->units;
    bool of_relevance = unit_index_keeps(&builder->index.shape, UNIT_INDEX_RELEVANCE);
    bool of_activation = unit_index_keeps(&builder->index.shape, UNIT_INDEX_ACTIVATION);
    API_NEEDS(image->sha256 != NULL && units != NULL && (image->flow != NULL || !of_relevance),
              err);
    if (units->site != builder->of.site) {
        return fail(err, VITLRP_USAGE, "units of another site than the index's, %s",
                    word_of(WORDS_SITE, builder->of.site));
    }
    const float *relevance = builder->of_largest ? units->relevance_max : units->relevance;
    bool of_parts = builder->index.shape.parts > 1;
    bool has_relevance = relevance != NULL && units->relevance_token != NULL;
    bool has_activation = units->activation_max != NULL && units->activation_token != NULL;
    API_NEEDS((!of_relevance || has_relevance) && (!of_activation || has_activation) &&
                  units->activation_mean != NULL && (!of_parts || units->column_mean != NULL),
              err);
    return VITLRP_OK;
}

static enum vitlrp_status check_image(const struct vitlrp_concepts_builder *builder,
                                      const struct vitlrp_concepts_image *image,
                                      struct vitlrp_error *err) {
    size_t images = builder->index.shape.images;
    TRY(reserved_check(image->reserved, sizeof image->reserved, "an image of an index", err));
    if (image->place >= images) {
        return fail(err, VITLRP_USAGE, "there is no image %zu: the dataset has %zu image%s",
                    image->place, images, images == 1 ? "" : "s");
    }
    if (builder->lines[image->place].data != NULL) {
        return fail(err, VITLRP_USAGE, "image %zu is in the index already", image->place);
    }
    if (image->sha256 != NULL && !sha256_is_text(image->sha256)) {
        return fail(err, VITLRP_USAGE, "sha256 of image %zu is none", image->place);
    }
    if (image->status == VITLRP_OK) {
        return check_values(builder, image, err);
    }
    API_NEEDS(image->message != NULL, err);
    return VITLRP_OK;
}

static enum vitlrp_status add_values(struct vitlrp_concepts_builder *builder,
                                     const struct vitlrp_concepts_image *image,
                                     struct vitlrp_error *err) {
    const struct unit_index_shape *shape = &builder->index.shape;
    struct vitlrp_class target;
    TRY(vitlrp_model_class(builder->of.model, image->target, &target, err));
    if (unit_index_keeps(shape, UNIT_INDEX_RELEVANCE)) {
        unit_index_shares(shape, image->units, builder->of_largest, builder->shares);
    }
    struct unit_index_image values = unit_index_image_of(shape, image->units, builder->shares);
    values.image = (uint32_t) image->place;
    values.target = (uint32_t) target.index;
    values.output = (size_t) image->target;
    TRY(unit_index_check(&builder->index, &values, err));
    if (shape->classes > 0) {
        TRY(class_rows_add(&builder->rows, &values, err));
    }
    return unit_index_add(&builder->index, &values, err);
}

enum vitlrp_status vitlrp_concepts_add(struct vitlrp_concepts_builder *builder,
                                       const struct vitlrp_concepts_image *image,
                                       struct vitlrp_error *error) {
    API_NEEDS(builder != NULL && image != NULL, error);
    TRY(check_image(builder, image, error));
    struct text line = {.limit = LINE_LIMIT};
    enum vitlrp_status status = concepts_line_make(&builder->of, image, &line, error);
    if (status == VITLRP_OK && image->status == VITLRP_OK) {
        status = add_values(builder, image, error);
    }
    if (status != VITLRP_OK) {
        text_free(&line);
        return status;
    }
    builder->lines[image->place] = line;
    return VITLRP_OK;
}

/* ---- Its folder ---- */

static enum vitlrp_status write_lines(const struct vitlrp_concepts_builder *builder, int folder,
                                      struct vitlrp_error *err) {
    const struct draft_place place = {.folder = folder, .name = RUN_FOLDER_RESULTS, .staging = -1};
    struct draft draft;
    enum vitlrp_status status = VITLRP_OK;
    TRY(draft_open(&place, &draft, err));
    for (size_t i = 0; i < builder->index.shape.images && status == VITLRP_OK; i++) {
        status = draft_write(&draft, builder->lines[i].data, builder->lines[i].length, err);
    }
    return error_prefix(err, draft_finish(&draft, status, err), RUN_FOLDER_RESULTS);
}

static enum vitlrp_status write_record(const struct vitlrp_concepts_builder *builder,
                                       const struct run_folder *folder, struct vitlrp_error *err) {
    struct text text = {.limit = RECORD_LIMIT};
    json_append(&text, builder->record, 2);
    text_append_string(&text, "\n");
    enum vitlrp_status status = text_check(&text, "the record of an index", err);
    if (status == VITLRP_OK) {
        status = run_folder_write(folder, &text, err);
    }
    text_free(&text);
    return status;
}

/* The state knows rows by their hashes. */
static enum vitlrp_status write_classes(const struct vitlrp_concepts_builder *builder, int folder,
                                        struct vitlrp_error *err) {
    struct class_rows *rows = (struct class_rows *) &builder->rows;
    if (rows->index == NULL) {
        return VITLRP_OK;
    }
    TRY(class_rows_settle(rows, err));
    return class_rows_write(rows, folder, word_of(WORDS_SITE, builder->of.site), err);
}

static enum vitlrp_status write_files(const struct vitlrp_concepts_builder *builder,
                                      const struct run_folder *folder, struct vitlrp_error *err) {
    const char *site = word_of(WORDS_SITE, builder->of.site);
    int at = folder->folder;
    TRY(write_classes(builder, at, err));
    TRY(unit_index_write_arrays(&builder->index, site, at, err));
    TRY(write_lines(builder, at, err));
    TRY(unit_index_write(&builder->index, builder->identity, at, UNIT_INDEX_STATE, err));
    return write_record(builder, folder, err);
}

static enum vitlrp_status write_into(const struct vitlrp_concepts_builder *builder,
                                     const char *path, struct vitlrp_error *err) {
    struct run_folder folder = run_folder_closed();
    enum vitlrp_status status = run_folder_look(path, &folder, err);
    if (status == VITLRP_OK) {
        status = write_files(builder, &folder, err);
    }
    run_folder_close(&folder);
    return status;
}

static enum vitlrp_status check_whole(const struct vitlrp_concepts_builder *builder,
                                      struct vitlrp_error *err) {
    size_t images = builder->index.shape.images;
    size_t missing = 0;
    for (size_t i = 0; i < images; i++) {
        missing += builder->lines[i].data == NULL ? 1 : 0;
    }
    return missing == 0 ? VITLRP_OK
                        : fail(err, VITLRP_USAGE, "%zu of the %zu images are not in the index yet",
                               missing, images);
}

enum vitlrp_status vitlrp_concepts_write(const struct vitlrp_concepts_builder *builder,
                                         const char *folder, struct vitlrp_error *error) {
    API_NEEDS(builder != NULL && folder != NULL, error);
    struct folder_draft draft;
    TRY(check_whole(builder, error));
    TRY(folder_draft_open(folder, &draft, error));
    return folder_draft_finish(&draft, write_into(builder, draft.temporary.data, error), error);
}
