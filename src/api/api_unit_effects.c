/* What single hidden units do to the logits, behind checked arguments. */
#include "api/api.h"
#include "api/handles.h"
#include "vit/model/weights.h"
#include "vit/program/batch.h"
#include "vitlrp_units.h"

#define MEGABYTE 1048576.0

static enum vitlrp_status check_units(const struct vitlrp_model *model,
                                      const struct vitlrp_unit_list *units,
                                      struct vitlrp_error *err) {
    for (size_t i = 0; i < units->count; i++) {
        TRY(vitlrp_model_check_unit(model, &units->units[i], err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status open_batch(const struct vit_model *model,
                                     const struct vit_attributor_options *options,
                                     struct engine_watch *watch, struct vit_batch **batch,
                                     struct vitlrp_error *err) {
    const struct vit_batch_options wanted = {.threads = options->threads,
                                             .input_height = options->input_height,
                                             .input_width = options->input_width,
                                             .backend = options->backend,
                                             .watch = watch,
                                             .precision = options->precision,
                                             .many_passes = options->many_passes,
                                             .units = true};
    size_t bytes = 0;
    TRY(vit_batch_bytes(model, &wanted, &bytes, err));
    if (options->max_bytes > 0 && bytes > options->max_bytes) {
        enum vitlrp_status status =
            fail(err, VITLRP_LIMIT,
                 "forward passes without units need %.1f MB of memory, the limit is %.1f MB",
                 (double) bytes / MEGABYTE, (double) options->max_bytes / MEGABYTE);
        return error_topic(err, status, VITLRP_TOPIC_LIMITS);
    }
    return vit_batch_open(model, &wanted, batch, err);
}

enum vitlrp_status vitlrp_unit_effects(const struct vitlrp_model *model,
                                       const struct vitlrp_session_options *options,
                                       const float *input, const struct vitlrp_unit_list *units,
                                       float *logits, struct vitlrp_error *error) {
    struct vit_attributor_options known;
    struct vit_batch *batch = NULL;
    API_NEEDS(model != NULL && input != NULL && units != NULL && logits != NULL, error);
    API_NEEDS(units->units != NULL || units->count == 0, error);
    TRY(api_session_options(options, &known, error));
    TRY(check_units(model, units, error));
    struct engine_watch watch = {.cancelled = known.observer.cancelled,
                                 .user = known.observer.user};
    TRY(open_batch(model->vit, &known, &watch, &batch, error)); /* knows the size */
    enum vitlrp_status status =
        api_check_input(model->vit, known.input_height, known.input_width, input, error);
    if (status == VITLRP_OK) {
        engine_watch_begin(&watch);
        status =
            vit_batch_forward_without_each(batch, input, units->units, units->count, logits, error);
    }
    vit_batch_close(batch);
    return status;
}
