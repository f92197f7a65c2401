/* From an evaluation to its record. */
#include <string.h>

#include "api/eval_setup.h"
#include "api/labels.h"
#include "base/mem.h"
#include "eval/load_input.h"
#include "imgio/encode.h"
#include "imgio/resize.h"

/* *text = a copy that is UTF-8. */
static enum vitlrp_status set_text(char **text, const char *value, struct vitlrp_error *err) {
    *text = record_text(value);
    return *text == NULL ? fail(err, VITLRP_NOMEM, "out of memory for a record") : VITLRP_OK;
}

static enum vitlrp_status clean_text(char **text, struct vitlrp_error *err) {
    char *clean = NULL;
    if (*text != NULL) {
        TRY(set_text(&clean, *text, err));
        mem_free(*text);
        *text = clean;
    }
    return VITLRP_OK;
}

/* Names come from the disk in any bytes, and a record's are UTF-8. */
static enum vitlrp_status clean_names(struct evaluation *evaluation, struct vitlrp_error *err) {
    for (size_t i = 0; evaluation->images != NULL && i < evaluation->image_count; i++) {
        TRY(clean_text(&evaluation->images[i].id, err));
        TRY(clean_text(&evaluation->images[i].message, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status set_names(const struct eval_setup *setup, struct record *record,
                                    struct vitlrp_error *err) {
    struct evaluation *evaluation = &record->evaluation;
    TRY(clean_names(evaluation, err));
    TRY(set_text(&evaluation->model_name, setup->model->vit->name, err));
    TRY(set_text(&evaluation->model_sha256, setup->weights_sha256, err));
    TRY(set_text(&evaluation->configuration, setup->configuration, err));
    TRY(set_text(&evaluation->manifest_sha256, setup->dataset.manifest_sha256, err));
    TRY(set_text(&evaluation->truth_sha256, setup->dataset.truth_sha256, err));
    TRY(set_text(&evaluation->content_sha256, setup->dataset.content_sha256, err));
    TRY(eval_settings(setup, &evaluation->settings, err));
    TRY(set_text(&record->version, vitlrp_version(), err));
    TRY(set_text(&record->dataset, setup->options.dataset, err));
    if (setup->run != NULL) {
        TRY(set_text(&record->run, setup->run, err));
    }
    if (setup->options.reference != NULL) {
        TRY(set_text(&record->reference, setup->options.reference, err));
    }
    record->skipped = setup->dataset.skipped;
    evaluation->probability = setup->model->vit->probability;
    evaluation->manifest_count = setup->dataset.manifest_count;
    evaluation->shard = setup->options.shard;
    evaluation->shards = setup->options.shards;
    return VITLRP_OK;
}

/* Which outputs the images name. */
struct class_use {
    bool *used; /* owned: [classes] */
};

static void mark_used(const struct class_use *use, int32_t output) {
    if (output >= 0) {
        use->used[output] = true;
    }
}

static enum vitlrp_status mark_image(void *user, const struct eval_image *image,
                                     struct vitlrp_error *err) {
    const struct class_use *use = user;
    (void) err;
    mark_used(use, image->label);
    mark_used(use, image->output);
    mark_used(use, image->predicted);
    return VITLRP_OK;
}

/* Adds the classes that are used, by ascending output. */
static enum vitlrp_status add_classes(const struct eval_setup *setup, const struct class_use *use,
                                      struct record *record, struct vitlrp_error *err) {
    size_t count = (size_t) setup->model->vit->config.classes;
    record->classes = mem_calloc(count, sizeof *record->classes);
    if (record->classes == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for class names");
    }
    for (size_t i = 0; i < count; i++) {
        const struct class_entry *entry = &setup->model->labels->classes.items[i];
        if (!use->used[i]) {
            continue;
        }
        struct record_class *class = &record->classes[record->class_count++];
        class->output = (int32_t) i;
        class->index = entry->index;
        TRY(set_text(&class->wnid, entry->wnid, err));
        TRY(set_text(&class->label, entry->name, err));
    }
    return VITLRP_OK;
}

/* The classes that images name; all of the model's where images are yet to come. */
static enum vitlrp_status set_classes(const struct eval_setup *setup, bool all,
                                      struct record *record, struct vitlrp_error *err) {
    size_t count = (size_t) setup->model->vit->config.classes;
    struct class_use use = {.used = mem_calloc(count, sizeof *use.used)};
    enum vitlrp_status status = VITLRP_OK;
    if (use.used == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for class names");
    }
    for (size_t i = 0; i < count && all; i++) {
        use.used[i] = true;
    }
    if (!all) {
        status = evaluation_visit(&record->evaluation, mark_image, &use, err);
    }
    if (status == VITLRP_OK) {
        status = add_classes(setup, &use, record, err);
    }
    mem_free(use.used);
    return status;
}

/* The model input as a picture of at most RECORD_PICTURE_SIDE a side. MISMATCH if the file holds
 * other bytes by now. */
static enum vitlrp_status make_picture(const struct eval_setup *setup,
                                       const struct input_source *source,
                                       const struct eval_image *image, float *input,
                                       struct bytes *jpeg, struct vitlrp_error *err) {
    const struct eval_item *item =
        &setup->dataset.items[image->index / (size_t) setup->options.shards];
    struct loaded_input loaded = {0};
    struct image pixels = {0};
    struct image small = {0};
    enum vitlrp_status status = VITLRP_OK;
    TRY(load_input(source, item->path, input, &loaded, err));
    if (strcmp(loaded.sha256, image->sha256) != 0) {
        return fail(err, VITLRP_MISMATCH, "changed meanwhile");
    }
    TRY_GOTO(status, image_alloc(source->width, source->height, &pixels, err), cleanup);
    TRY_GOTO(status, preprocess_denormalise(&setup->preprocess, input, &pixels, err), cleanup);
    TRY_GOTO(status, image_shrink(&pixels, RECORD_PICTURE_SIDE, RESAMPLE_BICUBIC, &small, err),
             cleanup);
    status = encode_jpeg(&small, NULL, jpeg, err);

cleanup:
    image_free(&pixels);
    image_free(&small);
    return status;
}

/* The gallery in the making. */
struct gallery {
    const struct eval_setup *setup;
    struct record *record;
    struct input_source source;
    float *input; /* owned */
};

/* One that can no longer be read, or changed, is left out. */
static enum vitlrp_status add_picture(void *user, const struct eval_image *image,
                                      struct vitlrp_error *err) {
    struct gallery *gallery = user;
    struct record *record = gallery->record;
    struct record_picture *picture = &record->pictures[record->picture_count];
    struct vitlrp_error detail;
    if (image->status != VITLRP_OK) {
        return VITLRP_OK;
    }
    picture->index = image->index;
    enum vitlrp_status status = make_picture(gallery->setup, &gallery->source, image,
                                             gallery->input, &picture->jpeg, &detail);
    record->picture_count += status == VITLRP_OK ? 1 : 0;
    return failure_is_systemic(status, &detail) ? error_forward(err, &detail) : VITLRP_OK;
}

/* Pictures of the gallery's images. */
static enum vitlrp_status set_pictures(const struct eval_setup *setup, struct record *record,
                                       struct vitlrp_error *err) {
    const struct evaluation *evaluation = &record->evaluation;
    struct gallery gallery = {.setup = setup,
                              .record = record,
                              .source = {.preprocess = &setup->preprocess,
                                         .limits = setup->evaluate.limits,
                                         .ignore_exif = setup->evaluate.ignore_exif}};
    enum vitlrp_status status = VITLRP_OK;
    input_source_size(&gallery.source, setup->model->vit);
    gallery.input = mem_calloc((size_t) gallery.source.height * (size_t) gallery.source.width,
                               preprocess_channels(&setup->preprocess) * sizeof *gallery.input);
    record->pictures = mem_calloc(RECORD_GALLERY, sizeof *record->pictures);
    if (gallery.input == NULL || record->pictures == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the gallery");
    }
    for (size_t i = 0; i < evaluation->manifest_count && status == VITLRP_OK; i++) {
        if (record_shows(record, i)) {
            status = evaluation_visit_one(evaluation, i, add_picture, &gallery, err);
        }
    }
    mem_free(gallery.input);
    return status;
}

enum vitlrp_status eval_record_begin(const struct eval_setup *setup, struct record *out,
                                     struct vitlrp_error *err) {
    struct record record = {0};
    enum vitlrp_status status = eval_run_describe(&setup->evaluate, &record.evaluation, err);
    if (status == VITLRP_OK) {
        status = set_names(setup, &record, err);
    }
    if (status == VITLRP_OK) {
        status = set_classes(setup, true, &record, err);
    }
    if (status != VITLRP_OK) {
        record_free(&record);
        return status;
    }
    record.evaluation.cancelled = true; /* as far as anybody knows who reads it */
    *out = record;
    return VITLRP_OK;
}

enum vitlrp_status eval_record(const struct eval_setup *setup, struct evaluation *evaluation,
                               struct record *out, struct vitlrp_error *err) {
    struct record record = {.evaluation = *evaluation};
    *evaluation = (struct evaluation){0};
    enum vitlrp_status status = set_names(setup, &record, err);
    if (status == VITLRP_OK) {
        status = set_classes(setup, false, &record, err);
    }
    if (status == VITLRP_OK) {
        status = set_pictures(setup, &record, err);
    }
    if (status != VITLRP_OK) {
        record_free(&record);
        return status;
    }
    *out = record;
    return VITLRP_OK;
}
