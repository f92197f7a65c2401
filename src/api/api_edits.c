/* The public face of models with edited units: vit's, with everything else as it was. */
#include <stdbool.h>
#include <string.h>

#include "api/api.h"
#include "api/class_texts.h"
#include "api/edit_names.h"
#include "api/handles.h"
#include "api/labels.h"
#include "api/model_identity.h"
#include "api/text_identity.h"
#include "base/mem.h"
#include "vit/model/edited_model.h"
#include "vitlrp_units.h"

/* A model of texts is made of an image's tower, which is what is edited: its text tower is found
 * by that. */
static enum vitlrp_status edit_below_texts(const struct vitlrp_model *base,
                                           const struct vitlrp_edit *edits, size_t count,
                                           struct vit_model **out, struct vitlrp_error *err) {
    struct vit_model *image = NULL;
    const struct vit_origin *origin = &base->vit->origin;
    const struct vit_sidecar *rows = &origin->sidecars[origin->sidecar_count - 1];
    TRY(vit_model_edited(base->vit->base, edits, count, &image, err));
    enum vitlrp_status status =
        vit_model_prompts(image, (const float *) (const void *) rows->bytes.data,
                          (size_t) base->vit->config.classes, out, err);
    vit_model_free(image); /* the new model holds it */
    return status;
}

/* What the base's classes were made of. */
static enum vitlrp_status keep_texts(const struct vitlrp_model *base, struct vitlrp_model *made,
                                     struct vitlrp_error *err) {
    size_t width = (size_t) base->vit->base->config.classes;
    made->texts = class_texts_hold(base->texts);
    made->made_of = mem_calloc(1, sizeof *made->made_of);
    made->empty_text = mem_calloc(width, sizeof *made->empty_text);
    if (made->made_of == NULL || made->empty_text == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a model");
    }
    *made->made_of = *base->made_of;
    memcpy(made->empty_text, base->empty_text, width * sizeof *made->empty_text);
    return VITLRP_OK;
}

/* Takes vit's model over. */
static enum vitlrp_status complete(const struct vitlrp_model *base, struct vit_model *vit,
                                   struct vitlrp_model **out, struct vitlrp_error *err) {
    struct vitlrp_model *made = NULL;
    TRY(model_begin(base, vit, &made, err));
    made->labels = labels_hold(base->labels);
    made->text_facts = base->text_facts == NULL ? NULL : json_deep_copy(base->text_facts);
    enum vitlrp_status status = made->text_facts != NULL || base->text_facts == NULL
                                    ? VITLRP_OK
                                    : fail(err, VITLRP_NOMEM, "out of memory for a model");
    if (status == VITLRP_OK && base->texts != NULL) {
        status = keep_texts(base, made, err);
    }
    if (status != VITLRP_OK) {
        vitlrp_model_close(made);
        return status;
    }
    *out = made;
    return VITLRP_OK;
}

static enum vitlrp_status with_edits(const struct vitlrp_model *base,
                                     const struct vitlrp_edit *edits, size_t count,
                                     struct vitlrp_model **out, struct vitlrp_error *err) {
    struct vit_model *vit = NULL;
    struct vitlrp_model *made = NULL;
    TRY(base->texts != NULL ? edit_below_texts(base, edits, count, &vit, err)
                            : vit_model_edited(base->vit, edits, count, &vit, err));
    TRY(complete(base, vit, &made, err));
    enum vitlrp_status status = edit_names_make(made->vit, edits, count, &made->edits, err);
    if (status != VITLRP_OK) {
        vitlrp_model_close(made);
        return status;
    }
    *out = made;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_model_with_edits(const struct vitlrp_model *base,
                                           const struct vitlrp_edit *edits, size_t count,
                                           struct vitlrp_model **model,
                                           struct vitlrp_error *error) {
    API_NEEDS(base != NULL && edits != NULL && model != NULL, error);
    return with_edits(base, edits, count, model, error);
}
