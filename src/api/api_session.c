/* The public face of sessions and relevance: checks arguments, translates records, leaves the work
 * to vit. */
#define _GNU_SOURCE
#include <math.h>
#include <sched.h>
#include <string.h>

#include "api/api.h"
#include "api/api_session.h"
#include "api/model_private.h"
#include "base/checked.h"
#include "base/mem.h"
#include "vit/math/engine.h"

/* What a session can do if nothing is said. */
static const char DEFAULT_METHODS[] = "attnlrp,cp-lrp,attnlrp-eps";

/* Arranging the weights takes as long as some ten forward passes and saves a tenth of each. */
#define MANY_PASSES 32

/* Most methods that a session may be opened for: more than there are. */
#define MOST_METHODS 64

void vitlrp_session_options_init(struct vitlrp_session_options *options) {
    if (options == NULL) {
        return;
    }
    *options = (struct vitlrp_session_options){
        .struct_size = sizeof *options, .backend = "auto", .attributions = 1, .passes = 1};
}

void vitlrp_session_info_init(struct vitlrp_session_info *info) {
    if (info == NULL) {
        return;
    }
    *info = (struct vitlrp_session_info){.struct_size = sizeof *info};
}

void vitlrp_relevance_init(struct vitlrp_relevance *relevance) {
    if (relevance == NULL) {
        return;
    }
    *relevance = (struct vitlrp_relevance){.struct_size = sizeof *relevance};
}

size_t api_processors(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (size_t) count;
}

/* The caller's options, and the methods that they name. */
struct chosen_options {
    struct vit_attributor_options options;
    const struct vit_method *methods[MOST_METHODS];
};

/* The method called by the first `length` bytes of `name`, or NULL. */
static const struct vit_method *method_of_span(const char *name, size_t length) {
    for (size_t i = 0; i < vit_method_count(); i++) {
        const struct vit_method *method = vit_method_at(i);
        if (strlen(method->name) == length && strncmp(method->name, name, length) == 0) {
            return method;
        }
    }
    return NULL;
}

static enum vitlrp_status choose_methods(const char *names, struct chosen_options *out,
                                         struct vitlrp_error *err) {
    for (const char *next = names;; next++) {
        size_t length = strcspn(next, ",");
        const struct vit_method *method = method_of_span(next, length);
        if (method == NULL) {
            return fail(err, VITLRP_USAGE, "no method '%.*s'", (int) size_min(length, 40), next);
        }
        if (out->options.method_count == MOST_METHODS) {
            return fail(err, VITLRP_USAGE, "more than %d methods", MOST_METHODS);
        }
        out->methods[out->options.method_count++] = method;
        next += length;
        if (*next == '\0') {
            return VITLRP_OK;
        }
    }
}

static enum vitlrp_status translate_options(const struct vitlrp_session_options *options,
                                            struct chosen_options *out, struct vitlrp_error *err) {
    struct vitlrp_session_options chosen;
    vitlrp_session_options_init(&chosen);
    if (options != NULL) {
        if (options->struct_size != sizeof *options) {
            return fail(err, VITLRP_USAGE, "session options were not initialised");
        }
        chosen = *options;
    }
    if (chosen.threads < 0 || chosen.threads > POOL_MAX_THREADS) {
        return fail(err, VITLRP_USAGE, "threads must be from 0 to %d", POOL_MAX_THREADS);
    }
    if (chosen.input_height < 0 || chosen.input_width < 0) {
        return fail(err, VITLRP_USAGE, "the input size must not be negative");
    }
    if (chosen.precision < VITLRP_PRECISION_FP32 || chosen.precision > VITLRP_PRECISION_BF16) {
        return fail(err, VITLRP_USAGE, "there is no precision %d", (int) chosen.precision);
    }
    size_t threads = chosen.threads > 0 ? (size_t) chosen.threads : api_processors();
    out->options =
        (struct vit_attributor_options){.threads = size_min(threads, POOL_MAX_THREADS),
                                        .input_height = chosen.input_height,
                                        .input_width = chosen.input_width,
                                        .keep_all_tokens = chosen.keep_all_tokens != 0,
                                        .keep_totals = chosen.attributions > 1,
                                        .backend = chosen.backend == NULL ? "auto" : chosen.backend,
                                        .methods = out->methods,
                                        .max_bytes = chosen.max_bytes,
                                        .precision = chosen.precision,
                                        .many_passes = chosen.passes >= MANY_PASSES};
    return choose_methods(chosen.methods == NULL ? DEFAULT_METHODS : chosen.methods, out, err);
}

enum vitlrp_status vitlrp_session_bytes(const struct vitlrp_model *model,
                                        const struct vitlrp_session_options *options, size_t *bytes,
                                        struct vitlrp_error *error) {
    API_NEEDS(model != NULL && bytes != NULL, error);
    struct chosen_options chosen;
    enum vitlrp_status status = translate_options(options, &chosen, error);
    if (status == VITLRP_OK) {
        status = vit_attributor_bytes(model->vit, &chosen.options, bytes, error);
    }
    return status;
}

/* Everything but the attributor. */
static enum vitlrp_status allocate_records(struct vitlrp_session *session,
                                           const struct vit_model *model,
                                           struct vitlrp_error *err) {
    struct vit_session_info info = vit_session_describe(session->vit);
    session->classes = (size_t) model->config.classes;
    session->ledger_length = vit_ledger_length(model);
    session->pixels = 3 * (size_t) info.input_height * (size_t) info.input_width;
    session->patch_count = (size_t) info.grid_height * (size_t) info.grid_width;
    session->targets = mem_calloc(session->classes, sizeof *session->targets);
    session->ledger = mem_calloc(session->ledger_length, sizeof *session->ledger);
    session->input = mem_calloc(session->pixels, sizeof *session->input);
    session->patches = mem_calloc(session->patch_count, sizeof *session->patches);
    if (session->targets == NULL || session->ledger == NULL || session->input == NULL ||
        session->patches == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a session");
    }
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_prepare_threads(const char *backend, int32_t threads,
                                          struct vitlrp_error *error) {
    API_NEEDS(backend != NULL, error);
    const struct gemm_backend *found = NULL;
    if (threads < 1 || threads > POOL_MAX_THREADS) {
        return fail(error, VITLRP_USAGE, "threads must be from 1 to %d", POOL_MAX_THREADS);
    }
    TRY(gemm_backend_find(backend, &found, error));
    return engine_prepare(found, (size_t) threads, error);
}

enum vitlrp_status vitlrp_session_open(const struct vitlrp_model *model,
                                       const struct vitlrp_session_options *options,
                                       struct vitlrp_session **session,
                                       struct vitlrp_error *error) {
    API_NEEDS(model != NULL && session != NULL, error);
    struct chosen_options chosen;
    enum vitlrp_status status = VITLRP_OK;
    struct vitlrp_session *opened = mem_calloc(1, sizeof *opened);
    if (opened == NULL) {
        status = fail(error, VITLRP_NOMEM, "out of memory for a session");
        goto cleanup;
    }
    TRY_GOTO(status, translate_options(options, &chosen, error), cleanup);
    TRY_GOTO(status, vit_attributor_open(model->vit, &chosen.options, &opened->attributor, error),
             cleanup);
    opened->vit = vit_attributor_session(opened->attributor);
    TRY_GOTO(status, allocate_records(opened, model->vit, error), cleanup);
    *session = opened;
    opened = NULL;

cleanup:
    vitlrp_session_close(opened);
    return status;
}

void vitlrp_session_close(struct vitlrp_session *session) {
    if (session != NULL) {
        vit_attributor_close(session->attributor);
        mem_free(session->targets);
        mem_free(session->ledger);
        mem_free(session->input);
        mem_free(session->patches);
        mem_free(session);
    }
}

void vitlrp_session_describe(const struct vitlrp_session *session,
                             struct vitlrp_session_info *info) {
    if (session == NULL || info == NULL) {
        return;
    }
    struct vit_session_info found = vit_session_describe(session->vit);
    *info = (struct vitlrp_session_info){.struct_size = sizeof *info,
                                         .threads = (int32_t) found.threads,
                                         .input_height = found.input_height,
                                         .input_width = found.input_width,
                                         .grid_height = found.grid_height,
                                         .grid_width = found.grid_width,
                                         .tokens = found.tokens,
                                         .backend = found.backend,
                                         .instruction_set = found.instruction_set,
                                         .bytes = found.bytes,
                                         .precision = found.precision,
                                         .arranged_bytes = found.arranged_bytes};
}

double vitlrp_session_forward_flops(const struct vitlrp_session *session) {
    return session == NULL ? 0.0 : vit_session_describe(session->vit).forward_flops;
}

enum vitlrp_status vitlrp_session_gemm_rate(struct vitlrp_session *session, double *gflops,
                                            struct vitlrp_error *error) {
    API_NEEDS(session != NULL && gflops != NULL, error);
    *gflops = vit_session_gemm_rate(session->vit);
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_session_forward(struct vitlrp_session *session, const float *input,
                                          float *logits, struct vitlrp_error *error) {
    API_NEEDS(session != NULL && input != NULL, error);
    memcpy(session->input, input, session->pixels * sizeof *input);
    return vit_attributor_forward(session->attributor, input, logits, error);
}

enum vitlrp_status vitlrp_session_block_output(struct vitlrp_session *session, int32_t block,
                                               float *output, struct vitlrp_error *error) {
    API_NEEDS(session != NULL && output != NULL, error);
    enum vitlrp_status status = vit_attributor_restore(session->attributor, session->input, error);
    if (status == VITLRP_OK) {
        status = vit_block_output(session->vit, block, output, error);
    }
    return status;
}

struct vitlrp_rules session_public_rules(const struct vit_rules *rules) {
    struct vitlrp_rules public_rules = {.struct_size = sizeof(struct vitlrp_rules),
                                        .attention = rules->propagation == VIT_PROPAGATE_CP_LRP
                                                         ? VITLRP_ATTENTION_CP
                                                         : VITLRP_ATTENTION_ATTNLRP,
                                        .epsilon = rules->epsilon};
#define ROLE(constant, name, text) public_rules.gamma_##name = rules->gamma[VIT_ROLE_##constant];
#include "vitlrp_roles.def"
#undef ROLE
    return public_rules;
}

enum vitlrp_status vitlrp_rules_init(struct vitlrp_rules *rules, const char *preset,
                                     struct vitlrp_error *error) {
    API_NEEDS(rules != NULL && preset != NULL, error);
    const struct vit_method *method = vit_method_find(preset);
    if (method == NULL || !method->has_ledger) {
        return fail(error, VITLRP_USAGE, "no rules '%s': attnlrp, cp-lrp or attnlrp-eps", preset);
    }
    *rules = session_public_rules(&method->defaults.rules);
    return VITLRP_OK;
}

enum vitlrp_status session_rules(const struct vitlrp_rules *rules, struct vit_rules *out,
                                 struct vitlrp_error *err) {
    if (rules->struct_size != sizeof *rules) {
        return fail(err, VITLRP_USAGE, "rules were not initialised");
    }
    struct vit_rules chosen = {.propagation = rules->attention == VITLRP_ATTENTION_CP
                                                  ? VIT_PROPAGATE_CP_LRP
                                                  : VIT_PROPAGATE_ATTNLRP,
                               .epsilon = rules->epsilon};
#define ROLE(constant, name, text) chosen.gamma[VIT_ROLE_##constant] = rules->gamma_##name;
#include "vitlrp_roles.def"
#undef ROLE
    for (size_t role = 0; role < VIT_ROLE_COUNT; role++) {
        if (!(chosen.gamma[role] >= 0.0F)) {
            return fail(err, VITLRP_USAGE, "a gamma must be 0, positive or infinity");
        }
    }
    if (!(rules->epsilon >= 0.0F) || isinf(rules->epsilon)) {
        return fail(err, VITLRP_USAGE, "epsilon must be 0 or positive, and finite");
    }
    *out = chosen;
    return VITLRP_OK;
}

size_t vitlrp_ledger_length(const struct vitlrp_model *model) {
    return model == NULL ? 0 : vit_ledger_length(model->vit);
}

enum vitlrp_status session_take_targets(struct vitlrp_session *session,
                                        const struct vitlrp_target *targets, size_t target_count,
                                        struct vitlrp_error *err) {
    if (target_count > session->classes) {
        return fail(err, VITLRP_USAGE, "%zu targets are more than the model's %zu outputs",
                    target_count, session->classes);
    }
    for (size_t i = 0; i < target_count; i++) {
        session->targets[i] = (struct vitlrp_target){targets[i].output, targets[i].weight};
    }
    return VITLRP_OK;
}

static void give_results(const struct vitlrp_session *session, const struct vit_relevance *from,
                         struct vitlrp_relevance *to) {
    to->explained = from->explained;
    to->sum = from->sum;
    for (size_t i = 0; to->ledger != NULL && i < session->ledger_length; i++) {
        const struct vitlrp_ledger_entry *entry = &session->ledger[i];
        to->ledger[i] = (struct vitlrp_ledger_entry){entry->block, entry->kind, entry->absorbed};
    }
}

enum vitlrp_status vitlrp_session_relevance(struct vitlrp_session *session,
                                            const struct vitlrp_target *targets,
                                            size_t target_count, const struct vitlrp_rules *rules,
                                            struct vitlrp_relevance *relevance,
                                            struct vitlrp_error *error) {
    API_NEEDS(session != NULL && targets != NULL && rules != NULL && relevance != NULL, error);
    struct vit_rules chosen;
    if (relevance->struct_size != sizeof *relevance) {
        return fail(error, VITLRP_USAGE, "the relevance record was not initialised");
    }
    enum vitlrp_status status = session_rules(rules, &chosen, error);
    if (status == VITLRP_OK) {
        status = session_take_targets(session, targets, target_count, error);
    }
    if (status == VITLRP_OK) {
        status = vit_attributor_restore(session->attributor, session->input, error);
    }
    if (status == VITLRP_OK) {
        struct vit_relevance result = {.pixels = relevance->pixels,
                                       .patches = relevance->patches,
                                       .neurons = relevance->neurons,
                                       .neurons_block = relevance->neurons_block,
                                       .ledger =
                                           relevance->ledger == NULL ? NULL : session->ledger};
        status =
            vit_relevance(session->vit, session->targets, target_count, &chosen, &result, error);
        if (status == VITLRP_OK) {
            give_results(session, &result, relevance);
        }
    }
    return status;
}
