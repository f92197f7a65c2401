/* The public face of models that compare embeddings: vit's, with the preprocessing of the model
 * that they are made of. */
#include <math.h>
#include <string.h>

#include "api/api.h"
#include "api/class_texts.h"
#include "api/growable.h"
#include "api/handles.h"
#include "api/labels.h"
#include "api/model_identity.h"
#include "api/text_classes.h"
#include "api/text_identity.h"
#include "api/token_classes.h"
#include "base/mem.h"
#include "vitlrp_words.h"

enum vitlrp_status model_begin(const struct vitlrp_model *base, struct vit_model *vit,
                               struct vitlrp_model **out, struct vitlrp_error *err) {
    struct vitlrp_model *made = mem_calloc(1, sizeof *made);
    if (made == NULL) {
        vit_model_free(vit);
        return fail(err, VITLRP_NOMEM, "out of memory for a model");
    }
    made->vit = vit;
    made->preprocess = base->preprocess;
    made->edits = base->edits == NULL ? NULL : json_deep_copy(base->edits);
    made->hash = model_hash_hold(base->hash);
    if (made->edits == NULL && base->edits != NULL) {
        vitlrp_model_close(made);
        return fail(err, VITLRP_NOMEM, "out of memory for a model");
    }
    *out = made;
    return VITLRP_OK;
}

enum vitlrp_status model_around(const struct vitlrp_model *base, struct vit_model *vit,
                                const struct label_list *names, struct vitlrp_model **out,
                                struct vitlrp_error *err) {
    struct vitlrp_model *made = NULL;
    TRY(model_begin(base, vit, &made, err));
    enum vitlrp_status status = labels_open(vit, names, NULL, &made->labels, err);
    if (status != VITLRP_OK) {
        vitlrp_model_close(made);
        return status;
    }
    *out = made;
    return VITLRP_OK;
}

static enum vitlrp_status model_like(const struct vitlrp_model *model, const float *features,
                                     size_t count, struct vitlrp_model **out,
                                     struct vitlrp_error *err) {
    struct vit_model *vit = NULL;
    TRY(vit_model_like(model->vit, features, count, &vit, err));
    return model_around(model, vit, &(struct label_list){0}, out, err);
}

enum vitlrp_status vitlrp_model_like(const struct vitlrp_model *model, const float *features,
                                     size_t count, struct vitlrp_model **like,
                                     struct vitlrp_error *error) {
    API_NEEDS(model != NULL && features != NULL && like != NULL, error);
    return model_like(model, features, count, like, error);
}

static enum vitlrp_status with_embeddings(const struct vitlrp_model *model, const float *rows,
                                          const struct label_list *names, size_t count,
                                          struct vitlrp_model **out, struct vitlrp_error *err) {
    struct vit_model *vit = NULL;
    TRY(vit_model_prompts(model->vit, rows, count, &vit, err));
    return model_around(model, vit, names, out, err);
}

enum vitlrp_status vitlrp_model_with_embeddings(const struct vitlrp_model *model, const float *rows,
                                                const char *const *names, size_t count,
                                                struct vitlrp_model **prompts,
                                                struct vitlrp_error *error) {
    API_NEEDS(model != NULL && rows != NULL && prompts != NULL, error);
    return with_embeddings(model, rows, &(struct label_list){.names = names}, count, prompts,
                           error);
}

enum vitlrp_status model_keep_text_facts(struct vitlrp_model *model, const struct vit_model *tower,
                                         struct vitlrp_error *err) {
    model->text_facts = json_deep_copy(tower->facts);
    return model->text_facts != NULL ? VITLRP_OK
                                     : fail(err, VITLRP_NOMEM, "out of memory for a model");
}

/* Records name the texts, and not their embeddings. */
static enum vitlrp_status keep_identity(const struct text_classes *classes,
                                        struct vitlrp_model *made, struct vitlrp_error *err) {
    struct text_identity *identity = mem_calloc(1, sizeof *identity);
    float *empty = mem_calloc(classes->width, sizeof *empty);
    if (identity == NULL || empty == NULL) {
        mem_free(identity);
        mem_free(empty);
        return fail(err, VITLRP_NOMEM, "out of memory for a model");
    }
    *identity = classes->identity;
    made->made_of = identity;
    memcpy(empty, classes->rows + classes->count * classes->width, classes->width * sizeof *empty);
    made->empty_text = empty;
    return VITLRP_OK;
}

static enum vitlrp_status with_texts(const struct vitlrp_model *model,
                                     const struct vitlrp_prompt *prompts, size_t count,
                                     const struct vitlrp_text_options *options,
                                     struct vitlrp_model **out, struct vitlrp_error *err) {
    struct vitlrp_text_options known;
    struct text_classes classes;
    struct vitlrp_model *made = NULL;
    TRY(text_options_read(options, &known, err));
    enum vitlrp_status status = text_classes_make(model, prompts, count, &known, &classes, err);
    if (status == VITLRP_OK) {
        const struct label_list names = {.names = classes.list.names};
        status = with_embeddings(model, classes.rows, &names, classes.count, &made, err);
    }
    if (status == VITLRP_OK) {
        status = class_texts_keep(&classes, &known, &made->texts, err);
    }
    if (status == VITLRP_OK) {
        status = keep_identity(&classes, made, err);
    }
    if (status == VITLRP_OK) {
        status = model_keep_text_facts(made, classes.source->tower, err);
    }
    text_classes_free(&classes);
    if (status != VITLRP_OK) {
        vitlrp_model_close(made);
        return status;
    }
    *out = made;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_model_with_texts(const struct vitlrp_model *model,
                                           const struct vitlrp_prompt *prompts, size_t count,
                                           const struct vitlrp_text_options *options,
                                           struct vitlrp_model **texts,
                                           struct vitlrp_error *error) {
    API_NEEDS(model != NULL && prompts != NULL && texts != NULL, error);
    return with_texts(model, prompts, count, options, texts, error);
}

static enum vitlrp_status with_token_ids(const struct vitlrp_model *model,
                                         const struct vitlrp_token_rows *rows,
                                         const struct vitlrp_text_options *options,
                                         struct vitlrp_model **out, struct vitlrp_error *err) {
    struct vitlrp_text_options known;
    float *made = NULL;
    struct vit_model *tower = NULL;
    struct vitlrp_model *texts = NULL;
    TRY(text_options_read(options, &known, err));
    enum vitlrp_status status = token_classes_make(model, rows, &known, &tower, &made, err);
    if (status == VITLRP_OK) {
        const struct label_list names = {.names = rows->names};
        status = with_embeddings(model, made, &names, rows->count, &texts, err);
    }
    if (status == VITLRP_OK) {
        status = model_keep_text_facts(texts, tower, err);
    }
    mem_free(made);
    vit_model_free(tower);
    if (status != VITLRP_OK) {
        vitlrp_model_close(texts);
        return status;
    }
    *out = texts;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_model_with_token_ids(const struct vitlrp_model *model,
                                               const struct vitlrp_token_rows *rows,
                                               const struct vitlrp_text_options *options,
                                               struct vitlrp_model **texts,
                                               struct vitlrp_error *error) {
    API_NEEDS(model != NULL && rows != NULL && rows->ids != NULL && texts != NULL, error);
    return with_token_ids(model, rows, options, texts, error);
}

/* *rows [classes, embed_dim] are the model's. */
static enum vitlrp_status find_rows(const struct vitlrp_model *model, struct bytes *rows,
                                    struct vitlrp_error *err) {
    const struct vit_origin *origin = &model->vit->origin;
    for (size_t i = 0; i < origin->sidecar_count; i++) {
        if (strcmp(origin->sidecars[i].name, VIT_TEXT_EMBEDDINGS) == 0) {
            *rows = origin->sidecars[i].bytes;
            return VITLRP_OK;
        }
    }
    return fail(err, VITLRP_USAGE, "%s: the model's classes are no texts", model->vit->name);
}

static enum vitlrp_status text_embeddings(const struct vitlrp_model *model, float *rows,
                                          struct vitlrp_error *err) {
    struct bytes found;
    TRY(find_rows(model, &found, err));
    memcpy(rows, found.data, found.size);
    return VITLRP_OK;
}

static double cosine_of(const float *a, const float *b, size_t width) {
    double product = 0.0;
    double squares[2] = {0.0, 0.0};
    for (size_t d = 0; d < width; d++) {
        product += (double) a[d] * b[d];
        squares[0] += (double) a[d] * a[d];
        squares[1] += (double) b[d] * b[d];
    }
    return product / sqrt(squares[0] * squares[1]);
}

static enum vitlrp_status model_cosines(const struct vitlrp_model *model, const float *embedding,
                                        double *cosines, double *empty, struct vitlrp_error *err) {
    struct bytes found;
    TRY(find_rows(model, &found, err));
    const float *rows = (const float *) (const void *) found.data;
    size_t classes = (size_t) model->vit->config.classes;
    size_t width = found.size / sizeof *rows / classes;
    for (size_t i = 0; i < classes && cosines != NULL; i++) {
        cosines[i] = cosine_of(embedding, rows + i * width, width);
    }
    if (empty != NULL) {
        *empty = model->empty_text == NULL ? (double) NAN
                                           : cosine_of(embedding, model->empty_text, width);
    }
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_model_cosines(const struct vitlrp_model *model, const float *embedding,
                                        double *cosines, double *empty,
                                        struct vitlrp_error *error) {
    API_NEEDS(model != NULL && embedding != NULL, error);
    return model_cosines(model, embedding, cosines, empty, error);
}

enum vitlrp_status vitlrp_model_text_embeddings(const struct vitlrp_model *model, float *rows,
                                                struct vitlrp_error *error) {
    API_NEEDS(model != NULL && rows != NULL, error);
    return text_embeddings(model, rows, error);
}

enum vitlrp_status vitlrp_session_embedding(struct vitlrp_session *session, float *embedding,
                                            struct vitlrp_error *error) {
    API_NEEDS(session != NULL && embedding != NULL, error);
    TRY(vit_attributor_restore(session->attributor, session->input, error));
    return vit_session_embedding(session->vit, embedding, error);
}
