/* The limits that a model is opened within. */
#include "vit/model/model.h"

struct vitlrp_model_limits vit_load_limits_default(void) {
    return (struct vitlrp_model_limits) MODEL_LIMITS_DEFAULT;
}

struct vitlrp_model_limits vit_load_limits(const struct vit_load_options *options) {
    return options->limits == NULL ? vit_load_limits_default() : *options->limits;
}

enum vitlrp_status vit_load_limits_check(const struct vitlrp_model_limits *limits,
                                         struct vitlrp_error *err) {
    if (limits->max_bytes == 0 || limits->max_table_bytes == 0 || limits->max_tensors == 0 ||
        limits->max_zip_entries == 0 || limits->max_pickle_opcodes == 0 ||
        limits->max_json_bytes == 0 || limits->max_tokens < 1 || limits->max_operations < 1) {
        return fail(err, VITLRP_USAGE, "the limits of a model must be positive");
    }
    return reserved_check(limits->reserved, sizeof limits->reserved, "limits of a model", err);
}
