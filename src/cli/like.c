#include "like.h"

#include "base/file.h"
#include "base/folder.h"
#include "base/mem.h"
#include "explain_session.h"
#include "model_input.h"
#include "photo.h"
#include "vitlrp_eval.h"
#include "vitlrp_words.h"

/* The references' features, one behind the other. */
struct features {
    float *values; /* owned: [count, width] */
    size_t count, width;
};

/* What turns references into features. */
struct comparison {
    const struct settings *settings;
    const struct vitlrp_model *model;
    struct vitlrp_preprocess preprocess;
    struct vitlrp_session *session;  /* owned; NULL before the first reference */
    struct vitlrp_geometry geometry; /* of the inputs that it takes */
    struct features features;
};

/* Makes the session fit inputs of that size. */
static enum vitlrp_status session_fit(struct comparison *comparison,
                                      const struct vitlrp_geometry *geometry,
                                      struct vitlrp_error *err) {
    struct vitlrp_session_options options;
    if (comparison->session != NULL &&
        comparison->geometry.input_height == geometry->input_height &&
        comparison->geometry.input_width == geometry->input_width) {
        return VITLRP_OK;
    }
    vitlrp_session_close(comparison->session);
    comparison->session = NULL;
    TRY(session_choose(comparison->settings, comparison->model, geometry->input_height,
                       geometry->input_width, &options, err));
    options.precision = VITLRP_PRECISION_FP32;
    TRY(vitlrp_session_open(comparison->model, &options, &comparison->session, err));
    comparison->geometry = *geometry;
    return VITLRP_OK;
}

static enum vitlrp_status features_open(struct features *features, size_t count,
                                        struct vitlrp_error *err) {
    features->values = mem_calloc(count, features->width * sizeof *features->values);
    return features->values == NULL
               ? fail(err, VITLRP_NOMEM, "out of memory for the features of %zu images", count)
               : VITLRP_OK;
}

static enum vitlrp_status add_photo(struct comparison *comparison, const struct photo *photo,
                                    struct vitlrp_error *err) {
    struct features *features = &comparison->features;
    TRY(session_fit(comparison, &photo->geometry, err));
    TRY(vitlrp_session_forward(comparison->session, photo->input,
                               features->values + features->count * features->width, err));
    features->count++;
    return VITLRP_OK;
}

static enum vitlrp_status add_reference(struct comparison *comparison, const char *path,
                                        struct vitlrp_error *err) {
    struct photo photo = {0};
    TRY(file_tell(&comparison->settings->inputs, path, err));
    TRY(photo_open(path, &comparison->preprocess, &comparison->settings->image, NULL, &photo, err));
    enum vitlrp_status status = add_photo(comparison, &photo, err);
    photo_close(&photo);
    return error_prefix(err, status, path);
}

static enum vitlrp_status add_folder(struct comparison *comparison, const char *path,
                                     struct vitlrp_error *err) {
    struct vitlrp_dataset_options options;
    struct vitlrp_dataset_info info;
    struct vitlrp_dataset *dataset = NULL;
    enum vitlrp_status status = VITLRP_OK;
    vitlrp_dataset_options_init(&options);
    options.path = path;
    TRY(vitlrp_dataset_open(comparison->model, &options, &dataset, err));
    vitlrp_dataset_info_init(&info);
    vitlrp_dataset_describe(dataset, &info);
    status = features_open(&comparison->features, info.images, err);
    for (size_t i = 0; i < info.images && status == VITLRP_OK; i++) {
        struct vitlrp_dataset_image image;
        status = vitlrp_dataset_image_at(dataset, i, &image, err);
        if (status == VITLRP_OK) {
            status = add_reference(comparison, image.path, err);
        }
    }
    vitlrp_dataset_close(dataset);
    return status;
}

static enum vitlrp_status add_references(struct comparison *comparison, const char *path,
                                         struct vitlrp_error *err) {
    if (folder_is(path)) {
        return add_folder(comparison, path, err);
    }
    TRY(features_open(&comparison->features, 1, err));
    return add_reference(comparison, path, err);
}

enum vitlrp_status like_choose(const struct settings *settings, struct vitlrp_model **model,
                               struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    struct vitlrp_model *like = NULL;
    struct comparison comparison = {.settings = settings, .model = *model};
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(*model, &info);
    if (info.outputs == VITLRP_OUTPUTS_CLASSES) {
        return fail(
            err, VITLRP_USAGE,
            "--like compares features, and the model has a head of %d classes: choose one of "
            "them with --class",
            info.classes);
    }
    comparison.features.width = (size_t) info.classes;
    model_input_choose(settings, *model, &comparison.preprocess);
    enum vitlrp_status status = add_references(&comparison, settings->like_path, err);
    if (status == VITLRP_OK) {
        status = vitlrp_model_like(*model, comparison.features.values, comparison.features.count,
                                   &like, err);
    }
    vitlrp_session_close(comparison.session);
    mem_free(comparison.features.values);
    TRY(status);
    vitlrp_model_close(*model);
    *model = like;
    return VITLRP_OK;
}
