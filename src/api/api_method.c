/* The public face of the methods' table: names, options, and one attribution by any of them. */
#include <string.h>

#include "api/api.h"
#include "api/api_session.h"

size_t vitlrp_method_count(void) {
    return vit_method_count();
}

const char *vitlrp_method_name(size_t index) {
    return index < vit_method_count() ? vit_method_at(index)->name : NULL;
}

void vitlrp_method_info_init(struct vitlrp_method_info *info) {
    if (info == NULL) {
        return;
    }
    *info = (struct vitlrp_method_info){.struct_size = sizeof *info};
}

static enum vitlrp_status find_method(const char *name, const struct vit_method **out,
                                      struct vitlrp_error *err) {
    *out = vit_method_find(name);
    if (*out == NULL) {
        return fail(err, VITLRP_USAGE, "no method '%.40s'", name);
    }
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_method_describe(const char *name, struct vitlrp_method_info *info,
                                          struct vitlrp_error *error) {
    API_NEEDS(name != NULL && info != NULL, error);
    const struct vit_method *method = NULL;
    if (info->struct_size != sizeof *info) {
        return fail(error, VITLRP_USAGE, "the method's record was not initialised");
    }
    enum vitlrp_status status = find_method(name, &method, error);
    if (status == VITLRP_OK) {
        *info = (struct vitlrp_method_info){.struct_size = sizeof *info,
                                            .name = method->name,
                                            .summary = method->summary,
                                            .has_pixels = method->has_pixels ? 1 : 0,
                                            .has_ledger = method->has_ledger ? 1 : 0,
                                            .ignores_class = method->ignores_class ? 1 : 0,
                                            .reads = method->reads};
    }
    return status;
}

enum vitlrp_status vitlrp_method_options_init(struct vitlrp_method_options *options,
                                              const char *method, struct vitlrp_error *error) {
    API_NEEDS(options != NULL && method != NULL, error);
    const struct vit_method *found = NULL;
    enum vitlrp_status status = find_method(method, &found, error);
    if (status == VITLRP_OK) {
        const struct vit_method_options *defaults = &found->defaults;
        *options = (struct vitlrp_method_options){.struct_size = sizeof *options,
                                                  .method = found->name,
                                                  .rules = session_public_rules(&defaults->rules),
                                                  .head_fusion = defaults->fusion,
                                                  .discard_ratio = defaults->discard_ratio,
                                                  .samples = (int32_t) defaults->samples,
                                                  .noise = defaults->noise,
                                                  .seed = defaults->seed};
    }
    return status;
}

static enum vitlrp_status translate(const struct vitlrp_method_options *options,
                                    const struct vit_method **method,
                                    struct vit_method_options *out, struct vitlrp_error *err) {
    if (options->struct_size != sizeof *options || options->method == NULL) {
        return fail(err, VITLRP_USAGE, "method options were not initialised");
    }
    TRY(find_method(options->method, method, err));
    if (options->head_fusion > VITLRP_FUSE_MIN) {
        return fail(err, VITLRP_USAGE, "no such head fusion: %d", (int) options->head_fusion);
    }
    *out =
        (struct vit_method_options){.fusion = options->head_fusion,
                                    .discard_ratio = options->discard_ratio,
                                    .samples = options->samples < 0 ? 0 : (size_t) options->samples,
                                    .noise = options->noise,
                                    .seed = options->seed};
    if (((*method)->reads & VITLRP_READS_RULES) == 0) {
        return VITLRP_OK;
    }
    return session_rules(&options->rules, &out->rules, err);
}

static enum vitlrp_status check_record(const struct vitlrp_relevance *relevance,
                                       struct vitlrp_error *err) {
    if (relevance->struct_size != sizeof *relevance) {
        return fail(err, VITLRP_USAGE, "the relevance record was not initialised");
    }
    if (relevance->ledger != NULL || relevance->neurons != NULL) {
        return fail(err, VITLRP_USAGE,
                    "a ledger and neurons come from vitlrp_session_relevance only");
    }
    return VITLRP_OK;
}

static enum vitlrp_status attribute(struct vitlrp_session *session,
                                    const struct vitlrp_target *targets, size_t target_count,
                                    const struct vitlrp_method_options *options,
                                    struct vitlrp_relevance *relevance, struct vitlrp_error *err) {
    const struct vit_method *method = NULL;
    struct vit_method_options chosen;
    TRY(check_record(relevance, err));
    TRY(translate(options, &method, &chosen, err));
    TRY(session_take_targets(session, targets, target_count, err));
    struct vit_method_request request = {.input = session->input,
                                         .targets = session->targets,
                                         .target_count = target_count,
                                         .options = &chosen,
                                         .patches = relevance->patches == NULL ? session->patches
                                                                               : relevance->patches,
                                         .pixels = relevance->pixels};
    TRY(vit_attributor_run(session->attributor, method, &request, err));
    relevance->explained =
        vit_attributor_explained(session->attributor, session->targets, target_count);
    relevance->sum = 0.0;
    for (size_t p = 0; p < session->patch_count; p++) {
        relevance->sum += request.patches[p];
    }
    return VITLRP_OK;
}

enum vitlrp_status
vitlrp_session_attribute(struct vitlrp_session *session, const struct vitlrp_target *targets,
                         size_t target_count, const struct vitlrp_method_options *options,
                         struct vitlrp_relevance *relevance, struct vitlrp_error *error) {
    API_NEEDS(session != NULL && targets != NULL && options != NULL && relevance != NULL, error);
    return attribute(session, targets, target_count, options, relevance, error);
}
