#include "api/eval_setup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "api/growable.h"
#include "api/label_index.h"
#include "api/method_name.h"
#include "base/attention_share.h"
#include "base/checked.h"
#include "base/json.h"
#include "base/left_out.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/words.h"
#include "eval/eval_units.h"
#include "eval/map_folder.h"
#include "eval/protocol_table.h"
#include "vit/math/gemm.h"
#include "vit/math/packs.h"
#include "vit/model/weights.h"

/* Characters of a name that maps are given. */
#define MAP_NAME_LIMIT 60
#define RUN_LIMIT ((size_t) 1 << 20)

static const char *const DEFAULT_METHODS[] = {
    "attnlrp", "cp-lrp", "attnlrp-eps", "chefer", "rollout", "input-x-gradient", "random"};

/* Of hidden units; the hard one to beat within a block is the gradient, hence the reference. */
static const char *const UNIT_METHODS[] = {"attnlrp",          "cp-lrp",     "attnlrp-eps",
                                           "input-x-gradient", "activation", "random"};
#define UNIT_REFERENCE "input-x-gradient"

void vitlrp_rule_changes_init(struct vitlrp_rule_changes *changes) {
    if (changes == NULL) {
        return;
    }
    changes->epsilon = NAN;
    changes->attention_share = NAN;
    for (size_t role = 0; role < VITLRP_ROLES_MAX; role++) {
        changes->gamma[role] = NAN;
    }
}

static enum vitlrp_status check_options(const struct vitlrp_eval_options *options,
                                        struct vitlrp_error *err) {
    if (options->dataset == NULL) {
        return fail(err, VITLRP_USAGE, "an evaluation needs a dataset");
    }
    TRY(api_check_threads(options->threads, err));
    if (options->maps == NULL && options->map_count > 0) {
        return fail(err, VITLRP_USAGE, "folders of maps are counted, and none is there");
    }
    if (options->method_count > EVAL_METHOD_LIMIT ||
        options->map_count > EVAL_METHOD_LIMIT - options->method_count) {
        return fail(err, VITLRP_USAGE, "there may be at most %zu methods", EVAL_METHOD_LIMIT);
    }
    if (options->rules == NULL) {
        return VITLRP_OK;
    }
    if (!isnan(options->rules->attention_share)) {
        TRY(api_check_share(options->rules->attention_share, err));
    }
    return api_check_gammas(options->rules->gamma, options->rules->epsilon, true, err);
}

/* Curves over hidden units have points of their own, which the initial number of steps means, and
 * their ranked blocks are counted. */
static struct eval_protocol protocol_from_options(const struct vitlrp_model *model,
                                                  const struct vitlrp_eval_options *options) {
    int32_t depth = model->vit->config.depth;
    struct eval_protocol protocol = {
#define WHOLE(type, member, ...) .member = options->member,
#define CHOICE WHOLE
#define SET WHOLE
#include "eval/settings.def"
#undef WHOLE
#undef CHOICE
#undef SET
    };
    if (protocol.units != VITLRP_UNITS_PATCH && protocol.steps == eval_protocol_default().steps) {
        protocol.steps = UNIT_POINTS - 1;
    }
    if (protocol.units != VITLRP_UNITS_PATCH && protocol.block_count == 0 &&
        protocol.first_block < depth) {
        protocol.block_count = depth - protocol.first_block;
    }
    return protocol;
}

static void set_if_given(float value, float *out) {
    if (!isnan(value)) {
        *out = value;
    }
}

void eval_change_rules(const struct vitlrp_rule_changes *changes, struct vitlrp_rules *rules) {
    if (changes == NULL) {
        return;
    }
    for (size_t role = 0; role < VITLRP_ROLE_COUNT; role++) {
        set_if_given(changes->gamma[role], &rules->gamma[role]);
    }
    set_if_given(changes->epsilon, &rules->epsilon);
    if (!isnan(changes->attention_share)) {
        attention_share_set(rules, changes->attention_share);
    }
}

static bool are_units(const struct eval_setup *setup) {
    return setup->options.units != VITLRP_UNITS_PATCH;
}

static enum vitlrp_status add_method(struct eval_setup *setup, const char *name,
                                     struct vitlrp_error *err) {
    if (name == NULL) {
        return fail(err, VITLRP_USAGE, "a method's name is NULL");
    }
    const struct vit_method *method = NULL;
    struct eval_run_method *added = &setup->methods[setup->method_count];
    if (are_units(setup) && strcmp(name, UNIT_ACTIVATION.name) == 0) {
        method = &UNIT_ACTIVATION;
    } else {
        TRY(method_named(name, strlen(name), &method, err));
    }
    for (size_t i = 0; i < setup->method_count; i++) {
        if (setup->methods[i].method == method) {
            return fail(err, VITLRP_USAGE, "method %s is listed twice", name);
        }
    }
    *added = (struct eval_run_method){.name = method->name, .method = method};
    vit_method_defaults(method, &added->options);
    added->options.seed = setup->options.seed;
    if ((method->reads & VITLRP_READS_SCORE) != 0) {
        added->options.score = setup->options.score;
    }
    if ((method->reads & VITLRP_READS_SAMPLES) != 0 && setup->options.samples > 0) {
        added->options.samples = setup->options.samples;
    }
    if ((method->reads & VITLRP_READS_MASKS) != 0) {
        added->options.masks = setup->options.masks;
    }
    if ((method->reads & VITLRP_READS_RULES) != 0 && !method->is_yardstick) {
        eval_change_rules(setup->options.rules, &added->options.rules);
    }
    setup->method_count++;
    return VITLRP_OK;
}

/* In records a name is a key, and in reports a word. */
static bool is_map_name(const char *name) {
    static const char LETTERS[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
    size_t length = strlen(name);
    return length > 0 && length <= MAP_NAME_LIMIT && strspn(name, LETTERS) == length;
}

static enum vitlrp_status add_maps(struct eval_setup *setup, const struct vitlrp_eval_maps *maps,
                                   struct vitlrp_error *err) {
    char shown[60];
    if (maps->name == NULL || maps->folder == NULL) {
        return fail(err, VITLRP_USAGE, "maps need a name and a folder");
    }
    text_escape_name(shown, sizeof shown, maps->name);
    if (!is_map_name(maps->name)) {
        return fail(
            err, VITLRP_USAGE,
            "maps cannot be called '%s': a name has letters, digits, '.', '_', '+' and '-', "
            "at most %d",
            shown, MAP_NAME_LIMIT);
    }
    if (vit_method_find(maps->name) != NULL) {
        return fail(err, VITLRP_USAGE,
                    "maps cannot be called '%s', which is a method's name: choose another", shown);
    }
    for (size_t i = 0; i < setup->method_count; i++) {
        if (strcmp(setup->methods[i].name, maps->name) == 0) {
            return fail(err, VITLRP_USAGE, "two folders of maps are called '%s'", shown);
        }
    }
    setup->methods[setup->method_count++] = (struct eval_run_method){
        .name = maps->name, .method = &MAPS_OF_A_FOLDER, .maps = maps->folder};
    return VITLRP_OK;
}

/* Methods and folders of maps. */
static enum vitlrp_status list_methods(struct eval_setup *setup, struct vitlrp_error *err) {
    struct vitlrp_eval_options *options = &setup->options;
    if ((options->methods == NULL || options->method_count == 0) && options->map_count == 0) {
        options->methods = are_units(setup) ? UNIT_METHODS : DEFAULT_METHODS;
        options->method_count = are_units(setup)
                                    ? sizeof UNIT_METHODS / sizeof UNIT_METHODS[0]
                                    : sizeof DEFAULT_METHODS / sizeof DEFAULT_METHODS[0];
    }
    size_t count = options->methods == NULL ? 0 : options->method_count;
    setup->methods = mem_calloc(count + options->map_count, sizeof *setup->methods);
    if (setup->methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a list of methods");
    }
    for (size_t i = 0; i < count; i++) {
        TRY(add_method(setup, options->methods[i], err));
    }
    for (size_t i = 0; i < options->map_count; i++) {
        TRY(add_maps(setup, &options->maps[i], err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status choose_methods(struct eval_setup *setup, struct vitlrp_error *err) {
    struct vitlrp_eval_options *options = &setup->options;
    TRY(list_methods(setup, err));
    const char *usual = are_units(setup) ? UNIT_REFERENCE : "rollout";
    const char *wanted = options->reference == NULL ? usual : options->reference;
    const char *found = NULL;
    for (size_t i = 0; i < setup->method_count; i++) {
        found = strcmp(setup->methods[i].name, wanted) == 0 ? setup->methods[i].name : found;
    }
    if (found == NULL && options->reference != NULL) {
        char shown[60];
        text_escape_name(shown, sizeof shown, wanted);
        return fail(err, VITLRP_USAGE, "the reference '%s' is not one of the methods that are run",
                    shown);
    }
    options->reference = found;
    return VITLRP_OK;
}

/* The first of the changes, as records name it; false without one. */
static bool name_change(const struct vitlrp_rule_changes *changes, char *out, size_t size) {
    for (int role = 0; changes != NULL && role < (int) VITLRP_ROLE_COUNT; role++) {
        if (!isnan(changes->gamma[role])) {
            snprintf(out, size, "gamma_%s", word_of(WORDS_ROLE, role));
            return true;
        }
    }
    bool is_epsilon = changes != NULL && !isnan(changes->epsilon);
    snprintf(out, size, "%s", is_epsilon ? "epsilon" : "attention_share");
    return is_epsilon || (changes != NULL && !isnan(changes->attention_share));
}

/* A search changes the rules of yardsticks too. */
static bool some_method_reads(const struct eval_setup *setup, uint32_t reads, bool searches) {
    bool found = false;
    for (size_t i = 0; i < setup->method_count; i++) {
        const struct vit_method *method = setup->methods[i].method;
        found = found || ((method->reads & reads) != 0 &&
                          (reads != VITLRP_READS_RULES || !method->is_yardstick || searches));
    }
    return found;
}

static enum vitlrp_status fail_unread(const struct eval_setup *setup, const char *name,
                                      struct vitlrp_error *err) {
    struct text methods = {.limit = RUN_LIMIT};
    for (size_t i = 0; i < setup->method_count; i++) {
        text_printf(&methods, "%s%s", i == 0 ? "" : ", ", setup->methods[i].name);
    }
    enum vitlrp_status status = text_check(&methods, "the names of methods", err);
    if (status == VITLRP_OK) {
        status =
            fail(err, VITLRP_USAGE,
                 "%s changes none of the methods: leave it out, or add one that reads it to %s",
                 name, methods.data);
    }
    text_free(&methods);
    return status;
}

/* What would change nothing is a mistake. */
static enum vitlrp_status check_read(const struct eval_setup *setup, bool searches,
                                     struct vitlrp_error *err) {
    const struct vitlrp_eval_options *options = &setup->options;
    char rule[32];
    const struct {
        const char *name;
        uint32_t reads;
        bool is_given;
    } choices[] = {
        {"score", VITLRP_READS_SCORE, options->score != VITLRP_SCORE_LOGIT},
        {"samples", VITLRP_READS_SAMPLES, options->samples > 0},
        {"masks", VITLRP_READS_MASKS, options->masks != VITLRP_MASKS_RANDOM},
        {rule, VITLRP_READS_RULES, name_change(options->rules, rule, sizeof rule)},
    };
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        if (choices[i].is_given && !some_method_reads(setup, choices[i].reads, searches)) {
            return fail_unread(setup, choices[i].name, err);
        }
    }
    return vit_score_check(setup->model->vit, options->score, err);
}

static int32_t find_class(void *index, const char *text) {
    return label_index_find(index, text);
}

enum vitlrp_status eval_dataset_open(const struct vitlrp_model *model,
                                     const struct dataset_options *options, struct dataset *out,
                                     struct vitlrp_error *err) {
    struct dataset_options wanted = *options;
    struct label_index *index = NULL;
    TRY(label_index_open(model->labels, &index, err));
    wanted.classes = (struct truth_classes){.find = find_class, .user = index};
    enum vitlrp_status status = dataset_open(&wanted, out, err);
    label_index_close(index);
    return status;
}

static enum vitlrp_status open_dataset(struct eval_setup *setup, struct vitlrp_error *err) {
    const struct vitlrp_eval_options *options = &setup->options;
    struct dataset_options wanted = {
        .path = options->dataset,
        .truth_path = options->truth,
        .boxes_path = options->boxes,
        .target = setup->evaluate.protocol.target,
        .limit = options->limit,
        .shard = options->shard,
        .shards = options->shards,
        .keep_paths = eval_replacement_has(&setup->evaluate.protocol, VITLRP_REPLACE_DONOR),
        .inputs = options->inputs,
    };
    struct dataset *dataset = &setup->dataset;
    TRY(eval_dataset_open(setup->model, &wanted, dataset, err));
    const char *plural = dataset->found == 1 ? "" : "s";
    if (wanted.shards > 1) {
        log_message(&options->log, LOG_LEVEL_INFO,
                    "%zu image%s found, %zu in the evaluation, %zu in this shard", dataset->found,
                    plural, dataset->manifest_count, dataset->count);
    } else {
        log_message(&options->log, LOG_LEVEL_INFO, "%zu image%s found, %zu in the evaluation",
                    dataset->found, plural, dataset->count);
    }
    left_out_warn(&(struct left_out){.unread = dataset->unread.count,
                                     .first_unread = dataset->unread.count > 0
                                                         ? dataset->unread.items[0]
                                                         : NULL,
                                     .skipped = dataset->skipped,
                                     .found = dataset->found,
                                     .own = dataset->passed_over.own,
                                     .not_read = picture_file_not_read(&dataset->passed_over),
                                     .kinds = dataset->not_read.data,
                                     .silent_truth = dataset->silent_truth},
                  &options->log);
    if (options->boxes != NULL && dataset->boxed < dataset->count) {
        size_t without = dataset->count - dataset->boxed;
        log_message(&options->log, LOG_LEVEL_WARNING, "%zu of %zu images %s no box", without,
                    dataset->count, without == 1 ? "has" : "have");
    }
    return VITLRP_OK;
}

/* Sets backend and precision, and says what becomes of one that there is not. */
static enum vitlrp_status choose_arithmetic(struct eval_setup *setup, struct vitlrp_error *err) {
    const struct vitlrp_eval_options *options = &setup->options;
    enum vitlrp_precision wanted = options->precision;
    setup->evaluate.backend = options->backend == NULL ? "auto" : options->backend;
    TRY(gemm_backend_find(setup->evaluate.backend, &setup->backend, err));
    if (packs_precision(setup->backend, wanted) != wanted) {
        log_message(&options->log, LOG_LEVEL_WARNING,
                    "%s: %s has nothing faster here, so fp32 is used",
                    word_of(WORDS_PRECISION, wanted), setup->backend->name);
    }
    return VITLRP_OK;
}

/* What a thread of the run holds, with `at_once` variants of each method. */
static enum vitlrp_status count_thread_bytes(const struct eval_setup *setup, size_t at_once,
                                             size_t *bytes, struct vitlrp_error *err) {
    struct eval_run_options counted = setup->evaluate;
    struct eval_run_method *methods = mem_calloc(setup->method_count, at_once * sizeof *methods);
    if (methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a list of methods");
    }
    counted.method_count = setup->method_count * at_once;
    counted.methods = methods;
    for (size_t i = 0; i < counted.method_count; i++) {
        methods[i] = setup->methods[i / at_once];
    }
    enum vitlrp_status status = eval_run_thread_bytes(&counted, bytes, err);
    mem_free(methods);
    return status;
}

/* As many threads as there are images for, and memory. */
static enum vitlrp_status choose_threads(struct eval_setup *setup, size_t at_once,
                                         struct vitlrp_error *err) {
    const struct vitlrp_eval_options *options = &setup->options;
    size_t bytes = 0;
    size_t wanted = size_min(api_threads(options->threads), size_max(1, setup->dataset.count));
    setup->evaluate.threads = wanted;
    if (options->max_bytes == 0) {
        return VITLRP_OK;
    }
    TRY(count_thread_bytes(setup, at_once, &bytes, err));
    if (bytes > options->max_bytes) {
        return fail_limit(err, "each thread needs %zu bytes of memory, the limit is %zu", bytes,
                          options->max_bytes);
    }
    if (options->max_bytes / bytes < wanted) {
        setup->evaluate.threads = options->max_bytes / bytes;
        log_message(&options->log, LOG_LEVEL_WARNING,
                    "%zu thread%s instead of %zu: each may take %zu MB of memory, of which %zu MB "
                    "are left",
                    setup->evaluate.threads, setup->evaluate.threads == 1 ? "" : "s", wanted,
                    bytes >> 20, options->max_bytes >> 20);
    }
    return VITLRP_OK;
}

/* The means of an index, where units that are off are at these. */
static enum vitlrp_status choose_unit_means(struct eval_setup *setup, struct vitlrp_error *err) {
    const struct vitlrp_concepts *concepts = setup->options.concepts;
    enum vitlrp_site site =
        setup->options.units == VITLRP_UNITS_HEAD ? VITLRP_SITE_HEAD : VITLRP_SITE_FC1;
    const uint32_t mean = VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_MEAN);
    struct vitlrp_concepts_info info;
    size_t units = 0;
    if (concepts == NULL) {
        return VITLRP_OK;
    }
    if (!are_units(setup) || (setup->options.replacements & mean) == 0) {
        return fail(err, VITLRP_USAGE,
                    "an index has the means of hidden units: it needs units, and mean as what "
                    "replaces them");
    }
    if (setup->options.replacements != mean) {
        return VITLRP_OK; /* which is refused with the protocol */
    }
    vitlrp_concepts_info_init(&info);
    vitlrp_concepts_describe(concepts, &info);
    if (info.site != site) {
        return fail(err, VITLRP_USAGE, "the index is of site %s, and the units are of site %s",
                    word_of(WORDS_SITE, info.site), word_of(WORDS_SITE, site));
    }
    TRY(vitlrp_concepts_check_model(concepts, setup->model, err));
    if (checked_mul(&units, (size_t) info.blocks * (size_t) info.width, (size_t) info.parts)) {
        setup->unit_means = mem_calloc(units, 2 * sizeof *setup->unit_means);
    }
    if (setup->unit_means == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the means of %d blocks", info.blocks);
    }
    setup->unit_mean_count = 2 * units;
    setup->evaluate.unit_means = setup->unit_means;
    return vitlrp_concepts_means(concepts, setup->unit_means, err);
}

/* What the caller states of itself, as the record will have it. */
static enum vitlrp_status take_run(struct eval_setup *setup, struct vitlrp_error *err) {
    const char *run = setup->options.run;
    struct text line = {.limit = RUN_LIMIT};
    json_t *object = NULL;
    if (run == NULL) {
        return VITLRP_OK;
    }
    if (json_parse_object(run, strlen(run), &object, err) != VITLRP_OK) {
        return fail(err, VITLRP_USAGE, "run must be the text of a JSON object");
    }
    json_append(&line, object, 0);
    json_decref(object);
    enum vitlrp_status status = text_check(&line, "run", err);
    if (status != VITLRP_OK) {
        text_free(&line);
        return status;
    }
    setup->run = line.data;
    return VITLRP_OK;
}

static enum vitlrp_status identify_model(struct eval_setup *setup, struct vitlrp_error *err) {
    char digest[SHA256_TEXT] = "none";
    struct vitlrp_error detail;
    size_t size = 0;
    enum vitlrp_status status = vitlrp_model_sha256(setup->model, digest, &detail);
    if (status != VITLRP_OK && status != VITLRP_UNSUPPORTED) {
        return error_forward(err, &detail);
    }
    setup->weights_sha256 = mem_strdup(digest);
    if (setup->weights_sha256 == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a record");
    }
    return vitlrp_model_configuration(setup->model, &setup->configuration, &size, err);
}

/* Curves follow the logit of a class. */
static enum vitlrp_status check_outputs(const struct vitlrp_model *model,
                                        struct vitlrp_error *err) {
    static const char *const KINDS[] = {[VITLRP_OUTPUTS_FEATURE] = "a feature",
                                        [VITLRP_OUTPUTS_EMBEDDING] = "an embedding",
                                        [VITLRP_OUTPUTS_LIKENESS] = "a likeness"};
    if (model->vit->outputs == VITLRP_OUTPUTS_CLASSES) {
        return VITLRP_OK;
    }
    bool takes_texts = model->vit->kind == VITLRP_MODEL_IMAGE_TEXT;
    enum vitlrp_status status = fail(
        err, VITLRP_USAGE,
        "an evaluation needs classes, and the model's output is %s: give it %sa head of classes",
        KINDS[model->vit->outputs], takes_texts ? "texts, or " : "");
    return error_topic(err, status, takes_texts ? VITLRP_TOPIC_TEXTS : VITLRP_TOPIC_HEAD);
}

enum vitlrp_status eval_setup_open(const struct vitlrp_model *model,
                                   const struct vitlrp_eval_options *options, size_t at_once,
                                   struct eval_setup *setup, struct vitlrp_error *err) {
    *setup = (struct eval_setup){.model = model};
    TRY(eval_options_read(options, &setup->options, err));
    options = &setup->options;
    TRY(check_options(options, err));
    TRY(check_outputs(model, err));
    TRY(take_run(setup, err));
    TRY(identify_model(setup, err));
    setup->evaluate = eval_run_options_default();
    setup->evaluate.protocol = protocol_from_options(model, options);
    TRY(eval_protocol_check(&setup->evaluate.protocol, err));
    TRY(choose_unit_means(setup, err));
    TRY(choose_methods(setup, err));
    TRY(check_read(setup, at_once > 1, err));
    TRY(choose_arithmetic(setup, err));
    setup->preprocess =
        options->preprocess == NULL ? model->preprocess.preprocess : *options->preprocess;
    TRY(preprocess_check(&setup->preprocess, err));
    if (preprocess_channels(&setup->preprocess) != vit_channels(&model->vit->config)) {
        return fail(err, VITLRP_MISMATCH,
                    "the preprocessing makes inputs of %zu channels, and the model reads %zu",
                    preprocess_channels(&setup->preprocess), vit_channels(&model->vit->config));
    }
    TRY(open_dataset(setup, err));
    setup->evaluate.model = model->vit;
    setup->evaluate.preprocess = &setup->preprocess;
    TRY(image_limits_check(&options->image_limits, err));
    setup->evaluate.limits = options->image_limits;
    setup->evaluate.ignore_exif = options->ignore_exif != 0;
    setup->evaluate.methods = setup->methods;
    setup->evaluate.method_count = setup->method_count;
    setup->evaluate.inputs = options->inputs;
    setup->evaluate.truth_masks = options->truth_masks;
    setup->evaluate.manifest_count = setup->dataset.manifest_count;
    setup->evaluate.donors = setup->dataset.manifest_paths;
    setup->evaluate.log = options->log;
    return choose_threads(setup, at_once, err);
}

void eval_setup_close(struct eval_setup *setup) {
    mem_free(setup->weights_sha256);
    mem_free(setup->configuration);
    mem_free(setup->run);
    mem_free(setup->unit_means);
    dataset_close(&setup->dataset);
    mem_free(setup->methods);
    *setup = (struct eval_setup){0};
}
