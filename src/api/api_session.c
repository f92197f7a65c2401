/* The public face of sessions and relevance: checks arguments, translates records, leaves the work
 * to vit. */
#define _GNU_SOURCE
#include <math.h>
#include <sched.h>
#include <string.h>

#include "api/api.h"
#include "api/model_private.h"
#include "base/mem.h"
#include "vit/session.h"

struct vitlrp_session {
    struct vit_session *vit;
    struct vit_target *targets;      /* [classes]: the caller's, in the inner layer's type */
    struct vit_ledger_entry *ledger; /* [ledger_length] */
    size_t classes, ledger_length;
};

void vitlrp_session_options_init(struct vitlrp_session_options *options) {
    *options = (struct vitlrp_session_options){.struct_size = sizeof *options, .backend = "auto"};
}

void vitlrp_session_info_init(struct vitlrp_session_info *info) {
    *info = (struct vitlrp_session_info){.struct_size = sizeof *info};
}

void vitlrp_relevance_init(struct vitlrp_relevance *relevance) {
    *relevance = (struct vitlrp_relevance){.struct_size = sizeof *relevance};
}

/* Processors that this process may run on. */
static size_t available_processors(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (size_t) count;
}

static enum status translate_options(const struct vitlrp_session_options *options,
                                     struct vit_session_options *out, struct error *err) {
    struct vitlrp_session_options chosen;
    vitlrp_session_options_init(&chosen);
    if (options != NULL) {
        if (options->struct_size != sizeof *options) {
            return fail(err, STATUS_USAGE, "session options were not initialised");
        }
        chosen = *options;
    }
    if (chosen.threads < 0 || chosen.threads > POOL_MAX_THREADS) {
        return fail(err, STATUS_USAGE, "threads must be from 0 to %d", POOL_MAX_THREADS);
    }
    if (chosen.input_height < 0 || chosen.input_width < 0) {
        return fail(err, STATUS_USAGE, "the input size must not be negative");
    }
    size_t threads = chosen.threads > 0 ? (size_t) chosen.threads : available_processors();
    *out = (struct vit_session_options){.threads =
                                            threads < POOL_MAX_THREADS ? threads : POOL_MAX_THREADS,
                                        .input_height = chosen.input_height,
                                        .input_width = chosen.input_width,
                                        .keep_all_tokens = chosen.keep_all_tokens != 0,
                                        .backend = chosen.backend == NULL ? "auto" : chosen.backend,
                                        .max_bytes = chosen.max_bytes};
    return STATUS_OK;
}

enum vitlrp_status vitlrp_session_bytes(const struct vitlrp_model *model,
                                        const struct vitlrp_session_options *options, size_t *bytes,
                                        struct vitlrp_error *error) {
    struct error err = {0};
    struct vit_session_options chosen;
    enum status status = translate_options(options, &chosen, &err);
    if (status == STATUS_OK) {
        status = vit_session_bytes(model->vit, &chosen, bytes, &err);
    }
    return api_status(status, &err, error);
}

enum vitlrp_status vitlrp_session_open(const struct vitlrp_model *model,
                                       const struct vitlrp_session_options *options,
                                       struct vitlrp_session **session,
                                       struct vitlrp_error *error) {
    struct error err = {0};
    struct vit_session_options chosen;
    enum status status = STATUS_OK;
    struct vitlrp_session *opened = mem_calloc(1, sizeof *opened);
    if (opened == NULL) {
        status = fail(&err, STATUS_NOMEM, "out of memory for a session");
        goto cleanup;
    }
    opened->classes = (size_t) model->vit->config.classes;
    opened->ledger_length = vit_ledger_length(&model->vit->config);
    opened->targets = mem_calloc(opened->classes, sizeof *opened->targets);
    opened->ledger = mem_calloc(opened->ledger_length, sizeof *opened->ledger);
    if (opened->targets == NULL || opened->ledger == NULL) {
        status = fail(&err, STATUS_NOMEM, "out of memory for a session");
        goto cleanup;
    }
    TRY_GOTO(status, translate_options(options, &chosen, &err), cleanup);
    TRY_GOTO(status, vit_session_open(model->vit, &chosen, &opened->vit, &err), cleanup);
    *session = opened;
    opened = NULL;

cleanup:
    vitlrp_session_close(opened);
    return api_status(status, &err, error);
}

void vitlrp_session_close(struct vitlrp_session *session) {
    if (session != NULL) {
        vit_session_close(session->vit);
        mem_free(session->targets);
        mem_free(session->ledger);
        mem_free(session);
    }
}

void vitlrp_session_describe(const struct vitlrp_session *session,
                             struct vitlrp_session_info *info) {
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
                                         .bytes = found.bytes};
}

double vitlrp_session_forward_flops(const struct vitlrp_session *session) {
    return vit_session_describe(session->vit).forward_flops;
}

enum vitlrp_status vitlrp_session_gemm_rate(struct vitlrp_session *session, double *gflops,
                                            struct vitlrp_error *error) {
    (void) error;
    *gflops = vit_session_gemm_rate(session->vit);
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_session_forward(struct vitlrp_session *session, const float *input,
                                          float *logits, struct vitlrp_error *error) {
    struct error err = {0};
    return api_status(vit_forward(session->vit, input, logits, &err), &err, error);
}

enum vitlrp_status vitlrp_session_block_output(struct vitlrp_session *session, int32_t block,
                                               float *output, struct vitlrp_error *error) {
    struct error err = {0};
    return api_status(vit_block_output(session->vit, block, output, &err), &err, error);
}

/* The presets of Achtibat et al. 2024: their composite for ViT-B/16, the same with CP attention,
 * and no gamma at all. */
enum vitlrp_status vitlrp_rules_init(struct vitlrp_rules *rules, const char *preset,
                                     struct vitlrp_error *error) {
    static const struct {
        const char *name;
        enum vitlrp_attention_rule attention;
        float gamma_conv, gamma_mlp_and_head;
    } presets[] = {{"attnlrp", VITLRP_ATTENTION_ATTNLRP, 0.25F, 0.05F},
                   {"cp-lrp", VITLRP_ATTENTION_CP, 0.25F, 0.05F},
                   {"attnlrp-eps", VITLRP_ATTENTION_ATTNLRP, 0.0F, 0.0F}};
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(preset, presets[i].name) == 0) {
            *rules = (struct vitlrp_rules){.struct_size = sizeof *rules,
                                           .attention = presets[i].attention,
                                           .gamma_conv = presets[i].gamma_conv,
                                           .gamma_fc1 = presets[i].gamma_mlp_and_head,
                                           .gamma_fc2 = presets[i].gamma_mlp_and_head,
                                           .gamma_head = presets[i].gamma_mlp_and_head};
            return VITLRP_OK;
        }
    }
    return api_fail(error, VITLRP_USAGE, "no method '%s': attnlrp, cp-lrp or attnlrp-eps", preset);
}

static enum status translate_rules(const struct vitlrp_rules *rules, struct vit_rules *out,
                                   struct error *err) {
    if (rules->struct_size != sizeof *rules) {
        return fail(err, STATUS_USAGE, "rules were not initialised");
    }
    const float gammas[] = {rules->gamma_conv, rules->gamma_qkv, rules->gamma_proj,
                            rules->gamma_fc1,  rules->gamma_fc2, rules->gamma_head};
    for (size_t i = 0; i < sizeof gammas / sizeof gammas[0]; i++) {
        if (!(gammas[i] >= 0.0F)) {
            return fail(err, STATUS_USAGE, "a gamma must be 0, positive or infinity");
        }
    }
    if (!(rules->epsilon >= 0.0F) || isinf(rules->epsilon)) {
        return fail(err, STATUS_USAGE, "epsilon must be 0 or positive, and finite");
    }
    *out = (struct vit_rules){.propagation = rules->attention == VITLRP_ATTENTION_CP
                                                 ? VIT_PROPAGATE_CP_LRP
                                                 : VIT_PROPAGATE_ATTNLRP,
                              .gamma_conv = rules->gamma_conv,
                              .gamma_qkv = rules->gamma_qkv,
                              .gamma_proj = rules->gamma_proj,
                              .gamma_fc1 = rules->gamma_fc1,
                              .gamma_fc2 = rules->gamma_fc2,
                              .gamma_head = rules->gamma_head,
                              .epsilon = rules->epsilon};
    return STATUS_OK;
}

size_t vitlrp_ledger_length(const struct vitlrp_model *model) {
    return vit_ledger_length(&model->vit->config);
}

static enum status take_targets(struct vitlrp_session *session, const struct vitlrp_target *targets,
                                size_t target_count, struct error *err) {
    if (target_count > session->classes) {
        return fail(err, STATUS_USAGE, "%zu targets are more than the model's %zu outputs",
                    target_count, session->classes);
    }
    for (size_t i = 0; i < target_count; i++) {
        session->targets[i] = (struct vit_target){targets[i].output, targets[i].weight};
    }
    return STATUS_OK;
}

static void give_results(const struct vitlrp_session *session, const struct vit_relevance *from,
                         struct vitlrp_relevance *to) {
    to->explained = from->explained;
    to->sum = from->sum;
    for (size_t i = 0; to->ledger != NULL && i < session->ledger_length; i++) {
        const struct vit_ledger_entry *entry = &session->ledger[i];
        to->ledger[i] = (struct vitlrp_ledger_entry){entry->block, entry->kind, entry->absorbed};
    }
}

enum vitlrp_status vitlrp_session_relevance(struct vitlrp_session *session,
                                            const struct vitlrp_target *targets,
                                            size_t target_count, const struct vitlrp_rules *rules,
                                            struct vitlrp_relevance *relevance,
                                            struct vitlrp_error *error) {
    struct error err = {0};
    struct vit_rules chosen;
    if (relevance->struct_size != sizeof *relevance) {
        return api_fail(error, VITLRP_USAGE, "the relevance record was not initialised");
    }
    enum status status = translate_rules(rules, &chosen, &err);
    if (status == STATUS_OK) {
        status = take_targets(session, targets, target_count, &err);
    }
    if (status == STATUS_OK) {
        struct vit_relevance result = {.pixels = relevance->pixels,
                                       .patches = relevance->patches,
                                       .neurons = relevance->neurons,
                                       .neurons_block = relevance->neurons_block,
                                       .ledger =
                                           relevance->ledger == NULL ? NULL : session->ledger};
        status =
            vit_relevance(session->vit, session->targets, target_count, &chosen, &result, &err);
        if (status == STATUS_OK) {
            give_results(session, &result, relevance);
        }
    }
    return api_status(status, &err, error);
}
