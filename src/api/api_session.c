/* The public face of sessions, methods and profiles: checks arguments, leaves the work to vit. */
#define _GNU_SOURCE
#include <math.h>
#include <sched.h>
#include <string.h>

#include "api/api.h"
#include "api/growable.h"
#include "api/handles.h"
#include "api/method_name.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/words.h"
#include "vit/math/engine.h"
#include "vit/math/gemm.h"
#include "vit/model/weights.h"

/* What a session can do if nothing is said. */
static const char DEFAULT_METHODS[] = "attnlrp,cp-lrp,attnlrp-eps";

/* Arranging the weights takes as long as some ten forward passes and saves a tenth of each. */
#define MANY_PASSES 32

/* Most methods that a session may be opened for: more than there are. */
#define MOST_METHODS 64

size_t api_processors(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (size_t) count;
}

_Static_assert(CPU_SETSIZE <= POOL_MAX_THREADS, "a thread for each processor");

enum vitlrp_status api_check_threads(int32_t threads, struct vitlrp_error *err) {
    return threads >= 0 && threads <= POOL_MAX_THREADS
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "threads must be from 0 to %d", POOL_MAX_THREADS);
}

size_t api_threads(int32_t threads) {
    return threads > 0 ? (size_t) threads : api_processors();
}

enum vitlrp_status api_check_input(const struct vit_model *model, int32_t height, int32_t width,
                                   const float *input, struct vitlrp_error *err) {
    const struct vit_config *config = &model->config;
    size_t rows = (size_t) (height > 0 ? height : config->image_height);
    size_t columns = (size_t) (width > 0 ? width : config->image_width);
    for (size_t i = 0; i < vit_channels(config) * rows * columns; i++) {
        if (!isfinite(input[i])) {
            return fail(err, VITLRP_NUMERIC, "the input has a value that is not finite");
        }
    }
    return VITLRP_OK;
}

/* The caller's options, and the methods that they name. */
struct chosen_options {
    struct vit_attributor_options options;
    const struct vit_method *methods[MOST_METHODS];
};

static enum vitlrp_status choose_methods(const char *names, struct chosen_options *out,
                                         struct vitlrp_error *err) {
    for (const char *next = names;; next++) {
        size_t length = strcspn(next, ",");
        const struct vit_method *method = NULL;
        TRY(method_named(next, length, &method, err));
        if (out->options.method_count == MOST_METHODS) {
            return fail(err, VITLRP_USAGE, "there are more than %d methods", MOST_METHODS);
        }
        out->methods[out->options.method_count++] = method;
        next += length;
        if (*next == '\0') {
            return VITLRP_OK;
        }
    }
}

/* All but the methods. */
static enum vitlrp_status take_options(const struct vitlrp_session_options *options,
                                       struct vitlrp_session_options *read,
                                       struct vit_attributor_options *out,
                                       struct vitlrp_error *err) {
    TRY(session_options_read(options, read, err));
    const struct vitlrp_session_options known = *read;
    TRY(api_check_threads(known.threads, err));
    if (known.input_height < 0 || known.input_width < 0) {
        return fail(err, VITLRP_USAGE, "the input size must not be negative");
    }
    if (known.attributions < 0 || known.passes < 0) {
        return fail(err, VITLRP_USAGE, "attributions and passes must not be negative");
    }
    if (word_of(WORDS_PRECISION, known.precision) == NULL) {
        return fail(err, VITLRP_USAGE, "there is no precision %d", (int) known.precision);
    }
    *out =
        (struct vit_attributor_options){.threads = api_threads(known.threads),
                                        .input_height = known.input_height,
                                        .input_width = known.input_width,
                                        .keep_all_tokens = known.keep_all_tokens != 0,
                                        .keep_totals = known.attributions > 1,
                                        .backend = known.backend == NULL ? "auto" : known.backend,
                                        .max_bytes = known.max_bytes,
                                        .precision = known.precision,
                                        .many_passes = known.passes >= MANY_PASSES,
                                        .observer = known.observer};
    return VITLRP_OK;
}

enum vitlrp_status api_session_options(const struct vitlrp_session_options *options,
                                       struct vit_attributor_options *out,
                                       struct vitlrp_error *err) {
    struct vitlrp_session_options known;
    return take_options(options, &known, out, err);
}

static enum vitlrp_status read_options(const struct vitlrp_session_options *options,
                                       struct chosen_options *out, struct vitlrp_error *err) {
    struct vitlrp_session_options known;
    TRY(take_options(options, &known, &out->options, err));
    out->options.methods = out->methods;
    return choose_methods(known.methods == NULL ? DEFAULT_METHODS : known.methods, out, err);
}

enum vitlrp_status vitlrp_session_bytes(const struct vitlrp_model *model,
                                        const struct vitlrp_session_options *options, size_t *bytes,
                                        struct vitlrp_error *error) {
    struct chosen_options chosen;
    API_NEEDS(model != NULL && bytes != NULL, error);
    TRY(read_options(options, &chosen, error));
    return vit_attributor_bytes(model->vit, &chosen.options, bytes, error);
}

/* Opens the attributor, and room beside it. */
static enum vitlrp_status session_fill(struct vitlrp_session *session,
                                       const struct vit_model *model,
                                       const struct vit_attributor_options *options,
                                       struct vitlrp_error *err) {
    TRY(vit_attributor_open(model, options, &session->attributor, err));
    session->vit = vit_attributor_session(session->attributor);
    struct vit_session_info info = vit_session_describe(session->vit);
    session->classes = (size_t) model->config.classes;
    session->pixels =
        vit_channels(&model->config) * (size_t) info.input_height * (size_t) info.input_width;
    session->patch_count = (size_t) info.grid_height * (size_t) info.grid_width;
    session->input = mem_calloc(session->pixels, sizeof *session->input);
    session->patches = mem_calloc(session->patch_count, sizeof *session->patches);
    if (session->input == NULL || session->patches == NULL) {
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
    struct chosen_options chosen;
    API_NEEDS(model != NULL && session != NULL, error);
    TRY(read_options(options, &chosen, error));
    struct vitlrp_session *opened = mem_calloc(1, sizeof *opened);
    if (opened == NULL) {
        return fail(error, VITLRP_NOMEM, "out of memory for a session");
    }
    enum vitlrp_status status = session_fill(opened, model->vit, &chosen.options, error);
    if (status != VITLRP_OK) {
        vitlrp_session_close(opened);
        return status;
    }
    *session = opened;
    return VITLRP_OK;
}

void vitlrp_session_close(struct vitlrp_session *session) {
    if (session != NULL) {
        vit_attributor_close(session->attributor);
        mem_free(session->input);
        mem_free(session->patches);
        mem_free(session);
    }
}

void vitlrp_session_describe(const struct vitlrp_session *session,
                             struct vitlrp_session_info *info) {
    if (session == NULL) {
        return;
    }
    struct vit_session_info found = vit_session_describe(session->vit);
    struct vitlrp_session_info known = {.threads = (int32_t) found.threads,
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
    session_info_write(&known, info);
}

double vitlrp_session_forward_flops(const struct vitlrp_session *session) {
    return session == NULL ? 0.0 : vit_session_forward_flops(session->vit);
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
    TRY(vit_attributor_restore(session->attributor, session->input, error));
    return vit_block_output(session->vit, block, output, error);
}

size_t vitlrp_ledger_length(const struct vitlrp_model *model) {
    return model == NULL ? 0 : vit_ledger_length(model->vit);
}

/* ---- Methods ---- */

size_t vitlrp_method_count(void) {
    return vit_method_count();
}

const char *vitlrp_method_name(size_t index) {
    return index < vit_method_count() ? vit_method_at(index)->name : NULL;
}

enum vitlrp_status vitlrp_method_describe(const char *name, struct vitlrp_method_info *info,
                                          struct vitlrp_error *error) {
    const struct vit_method *method = NULL;
    struct vitlrp_method_info known;
    API_NEEDS(name != NULL && info != NULL, error);
    TRY(method_info_read(info, &known, error));
    TRY(method_named(name, strlen(name), &method, error));
    known = (struct vitlrp_method_info){.name = method->name,
                                        .summary = method->summary,
                                        .has_pixels = method->has_pixels ? 1 : 0,
                                        .has_ledger = method->has_ledger ? 1 : 0,
                                        .ignores_class = method->ignores_class ? 1 : 0,
                                        .reads = method->reads,
                                        .kind = method->is_unsigned ? VITLRP_MAP_UNSIGNED
                                                                    : VITLRP_MAP_SIGNED,
                                        .unit = method->in_logits ? "logit" : "score",
                                        .relevance = method->relevance};
    method_info_write(&known, info);
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_method_options_init_sized(struct vitlrp_method_options *options,
                                                    size_t size, const char *method,
                                                    struct vitlrp_error *error) {
    const struct vit_method *found = NULL;
    struct vitlrp_method_options known;
    API_NEEDS(options != NULL && method != NULL, error);
    TRY(method_named(method, strlen(method), &found, error));
    vit_method_defaults(found, &known);
    known.method = found->name;
    growable_init(GROWABLE_method_options, options, size);
    method_options_write(&known, options);
    return VITLRP_OK;
}

/* A gamma from 0 on, infinity included; 0 where this library knows no role. */
static bool is_gamma(size_t role, float gamma) {
    return role < VITLRP_ROLE_COUNT ? gamma >= 0.0F : gamma == 0.0F;
}

enum vitlrp_status api_check_gammas(const float gamma[VITLRP_ROLES_MAX], float epsilon,
                                    bool changes, struct vitlrp_error *err) {
    for (size_t role = 0; role < VITLRP_ROLES_MAX; role++) {
        if (!is_gamma(role, gamma[role]) && !(changes && isnan(gamma[role]))) {
            return fail(err, VITLRP_USAGE,
                        role < VITLRP_ROLE_COUNT
                            ? "a gamma must be 0, positive or infinity"
                            : "a gamma is set for a role that this library does not know");
        }
    }
    if (!(epsilon >= 0.0F && !isinf(epsilon)) && !(changes && isnan(epsilon))) {
        return fail(err, VITLRP_USAGE, "epsilon must be 0 or positive, and finite");
    }
    return VITLRP_OK;
}

enum vitlrp_status api_check_share(float share, struct vitlrp_error *err) {
    return share >= 0.0F && share <= 1.0F
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "an attention share must be from 0 to 1");
}

enum vitlrp_status api_check_rules(const struct vitlrp_rules *rules, struct vitlrp_error *err) {
    if (word_of(WORDS_ATTENTION_RULE, rules->attention) == NULL) {
        return fail(err, VITLRP_USAGE, "no such attention rule: %d", (int) rules->attention);
    }
    if (rules->attention == VITLRP_ATTENTION_SHARE) {
        TRY(api_check_share(rules->attention_share, err));
    }
    return api_check_gammas(rules->gamma, rules->epsilon, false, err);
}

static enum vitlrp_status read_method(const struct vitlrp_method_options *options,
                                      const struct vit_method **method,
                                      struct vitlrp_method_options *out, struct vitlrp_error *err) {
    TRY(method_options_read(options, out, err));
    if (out->method == NULL) {
        return fail(err, VITLRP_USAGE, "the method options name no method");
    }
    TRY(method_named(out->method, strlen(out->method), method, err));
    if (word_of(WORDS_HEAD_FUSION, out->head_fusion) == NULL) {
        return fail(err, VITLRP_USAGE, "no such head fusion: %d", (int) out->head_fusion);
    }
    if (word_of(WORDS_SCORE, out->score) == NULL) {
        return fail(err, VITLRP_USAGE, "no such score: %d", (int) out->score);
    }
    if (((*method)->reads & VITLRP_READS_SCORE) == 0) {
        out->score = VITLRP_SCORE_LOGIT;
    }
    if (word_of(WORDS_MASKS, out->masks) == NULL) {
        return fail(err, VITLRP_USAGE, "no such masks: %d", (int) out->masks);
    }
    return ((*method)->reads & VITLRP_READS_RULES) == 0 ? VITLRP_OK
                                                        : api_check_rules(&out->rules, err);
}

enum vitlrp_status session_request_make(struct vitlrp_session *session,
                                        const struct vitlrp_target *targets, size_t target_count,
                                        const struct vitlrp_method_options *options,
                                        struct session_request *out, struct vitlrp_error *err) {
    TRY(read_method(options, &out->method, &out->options, err));
    if (target_count > session->classes) {
        return fail(err, VITLRP_USAGE, "%zu targets are more than the model's %zu output%s",
                    target_count, session->classes, session->classes == 1 ? "" : "s");
    }
    out->request = (struct vit_method_request){.input = session->input,
                                               .targets = targets,
                                               .target_count = target_count,
                                               .options = &out->options,
                                               .patches = session->patches};
    return VITLRP_OK;
}

enum vitlrp_status session_request_run(struct vitlrp_session *session,
                                       struct session_request *request,
                                       struct vitlrp_relevance *relevance,
                                       struct vitlrp_error *err) {
    struct vitlrp_relevance known;
    TRY(relevance_read(relevance, &known, err));
    if (known.patches != NULL) {
        request->request.patches = known.patches;
    }
    request->request.pixels = known.pixels;
    request->request.ledger = known.ledger;
    request->request.neurons = known.neurons;
    request->request.neurons_block = known.neurons_block;
    request->request.sum = &known.sum;
    TRY(vit_attributor_run(session->attributor, request->method, &request->request, err));
    known.explained = vit_attributor_explained(session->attributor, &request->request);
    relevance_write(&known, relevance);
    return VITLRP_OK;
}

enum vitlrp_status
vitlrp_session_attribute(struct vitlrp_session *session, const struct vitlrp_target *targets,
                         size_t target_count, const struct vitlrp_method_options *options,
                         struct vitlrp_relevance *relevance, struct vitlrp_error *error) {
    struct session_request request;
    struct vitlrp_relevance known;
    API_NEEDS(session != NULL && targets != NULL && options != NULL && relevance != NULL, error);
    TRY(relevance_read(relevance, &known, error)); /* a newer program hears of its own record */
    TRY(session_request_make(session, targets, target_count, options, &request, error));
    return session_request_run(session, &request, relevance, error);
}

/* ---- Measuring ---- */

enum vitlrp_status vitlrp_session_operations(const struct vitlrp_session *session,
                                             const struct vitlrp_method_options *options,
                                             int32_t attributions, double *operations,
                                             struct vitlrp_error *error) {
    const struct vit_method *method = NULL;
    struct vitlrp_method_options chosen;
    API_NEEDS(session != NULL && options != NULL && operations != NULL, error);
    if (attributions < 0) {
        return fail(error, VITLRP_USAGE, "the number of attributions must not be negative");
    }
    TRY(read_method(options, &method, &chosen, error));
    *operations = vit_session_work(session->vit) +
                  attributions * vit_attributor_work(session->attributor, method, &chosen);
    return VITLRP_OK;
}

const char *vitlrp_backend_name(size_t index) {
    static const char *const KNOWN[] = {"openblas", "onednn"};
    const struct gemm_backend *backend;
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (gemm_backend_find(KNOWN[i], &backend, NULL) == VITLRP_OK && index-- == 0) {
            return KNOWN[i];
        }
    }
    return NULL;
}

size_t vitlrp_profile_length(void) {
    return PROFILE_KINDS;
}

void vitlrp_session_profile_start(struct vitlrp_session *session) {
    if (session != NULL) {
        vit_session_profile_start(session->vit);
    }
}

void vitlrp_session_profile_stop(struct vitlrp_session *session) {
    if (session != NULL) {
        vit_session_profile_stop(session->vit);
    }
}

static void give_entries(const struct profile_entry *from, struct vitlrp_profile_entry *to) {
    for (size_t i = 0; to != NULL && i < PROFILE_KINDS; i++) {
        to[i] = (struct vitlrp_profile_entry){profile_kind_name((enum profile_kind) i),
                                              from[i].seconds, from[i].flops};
    }
}

enum vitlrp_status vitlrp_session_profile(const struct vitlrp_session *session,
                                          struct vitlrp_profile *profile,
                                          struct vitlrp_error *error) {
    struct vitlrp_profile known;
    API_NEEDS(session != NULL && profile != NULL, error);
    TRY(profile_read(profile, &known, error));
    const struct profile *found = vit_session_profile(session->vit);
    give_entries(found->entries[PROFILE_FORWARD], known.forward);
    give_entries(found->entries[PROFILE_BACKWARD], known.backward);
    known.forward_passes = found->passes[PROFILE_FORWARD];
    known.backward_passes = found->passes[PROFILE_BACKWARD];
    profile_write(&known, profile);
    return VITLRP_OK;
}
