#include "method_choice.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "args.h"
#include "base/attention_share.h"
#include "base/formats.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/text.h"
#include "base/words.h"

/* ---- Files of settings ---- */

#define FILE_LIMIT ((size_t) 1 << 20)

/* A number from 0, or "inf"; a missing key leaves *out as it is. */
static enum vitlrp_status read_value(const json_t *object, const char *key, bool may_be_infinite,
                                     float *out, struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    const char *word = json_string_value(value);
    if (value == NULL) {
        return VITLRP_OK;
    }
    if (may_be_infinite && word != NULL && strcmp(word, "inf") == 0) {
        *out = INFINITY;
        return VITLRP_OK;
    }
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= 0.0 && number <= (double) FLT_MAX)) {
        return fail(err, VITLRP_MISMATCH, "\"%s\" must be a number from 0%s", key,
                    may_be_infinite ? ", or \"inf\"" : "");
    }
    *out = (float) number;
    return VITLRP_OK;
}

/* Likewise, of a number from 0 to 1. */
static enum vitlrp_status read_share(const json_t *object, float *out, struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, "attention_share");
    double number = json_number_value(value);
    if (value == NULL) {
        return VITLRP_OK;
    }
    if (!json_is_number(value) || !(number >= 0.0 && number <= 1.0)) {
        return fail(err, VITLRP_MISMATCH, "\"attention_share\" must be a number from 0 to 1");
    }
    *out = (float) number;
    return VITLRP_OK;
}

static enum vitlrp_status read_object(const json_t *object, struct vitlrp_rule_changes *changes,
                                      struct vitlrp_error *err) {
    const char *format = json_get_string(object, "format");
    if (format == NULL || strcmp(format, FORMAT_SETTINGS) != 0) {
        return fail(err, VITLRP_FORMAT, "not a settings file of vitlrp tune");
    }
#define VITLRP_ROLE(constant, name, text)                                                          \
    TRY(read_value(object, "gamma_" #name, true, &changes->gamma[VITLRP_ROLE_##constant], err));
#include "vitlrp_roles.def"
#undef VITLRP_ROLE
    TRY(read_share(object, &changes->attention_share, err));
    return read_value(object, "epsilon", false, &changes->epsilon, err);
}

static enum vitlrp_status read_file(const char *path, struct vitlrp_rule_changes *changes,
                                    struct vitlrp_error *err) {
    json_t *object = NULL;
    TRY(json_read_object(path, FILE_LIMIT, &object, err));
    enum vitlrp_status status = read_object(object, changes, err);
    json_decref(object);
    return error_prefix(err, status, path);
}

static void set_if_given(float value, float *out) {
    if (!isnan(value)) {
        *out = value;
    }
}

static void apply_changes(const struct vitlrp_rule_changes *changes, struct vitlrp_rules *rules) {
    for (size_t role = 0; role < VITLRP_ROLE_COUNT; role++) {
        set_if_given(changes->gamma[role], &rules->gamma[role]);
    }
    set_if_given(changes->epsilon, &rules->epsilon);
    if (!isnan(changes->attention_share)) {
        attention_share_set(rules, changes->attention_share);
    }
}

static enum vitlrp_status apply_settings(const struct args *args, struct vitlrp_rules *rules,
                                         struct vitlrp_error *err) {
    struct vitlrp_rule_changes changes;
    if (args->value[OPTION_SETTINGS] == NULL) {
        return VITLRP_OK;
    }
    vitlrp_rule_changes_init(&changes);
    TRY(read_file(args->value[OPTION_SETTINGS], &changes, err));
    apply_changes(&changes, rules);
    return VITLRP_OK;
}

enum vitlrp_status rule_changes_read(const struct args *args, struct vitlrp_rule_changes *changes,
                                     struct vitlrp_error *err) {
    struct vitlrp_rules rules = {.attention_share = NAN};
    vitlrp_rule_changes_init(changes);
    memcpy(rules.gamma, changes->gamma, sizeof rules.gamma);
    rules.epsilon = changes->epsilon;
    TRY(method_rules(args, &rules, err));
    memcpy(changes->gamma, rules.gamma, sizeof changes->gamma);
    changes->epsilon = rules.epsilon;
    changes->attention_share = rules.attention_share;
    return VITLRP_OK;
}

/* ---- The method ---- */

#define MAX_SAMPLES 1000000
#define MAX_NOISE 1000.0

/* Below 1: something must be left. */
#define MAX_DISCARD_RATIO 0.999999

/* Which options only some methods read. */
static const struct {
    enum option_id option;
    uint32_t reads; /* 0: of the methods with a ledger */
} PARTICULAR[] = {{OPTION_GAMMA_CONV, VITLRP_READS_RULES},
                  {OPTION_GAMMA_LINEAR, VITLRP_READS_RULES},
                  {OPTION_GAMMA_QKV, VITLRP_READS_RULES},
                  {OPTION_GAMMA_PROJ, VITLRP_READS_RULES},
                  {OPTION_GAMMA_FC1, VITLRP_READS_RULES},
                  {OPTION_GAMMA_FC2, VITLRP_READS_RULES},
                  {OPTION_GAMMA_HEAD, VITLRP_READS_RULES},
                  {OPTION_EPSILON, VITLRP_READS_RULES},
                  {OPTION_ATTENTION_SHARE, VITLRP_READS_RULES},
                  {OPTION_SETTINGS, VITLRP_READS_RULES},
                  {OPTION_HEAD_FUSION, VITLRP_READS_HEAD_FUSION},
                  {OPTION_DISCARD_RATIO, VITLRP_READS_HEAD_FUSION},
                  {OPTION_SAMPLES, VITLRP_READS_SAMPLES},
                  {OPTION_NOISE, VITLRP_READS_NOISE},
                  {OPTION_SEED, VITLRP_READS_SEED},
                  {OPTION_SCORE, VITLRP_READS_SCORE},
                  {OPTION_MASKS, VITLRP_READS_MASKS},
                  {OPTION_LEDGER, 0}};

static enum vitlrp_status read_gamma(const struct args *args, enum option_id option, float *out,
                                     struct vitlrp_error *err) {
    const char *value = args->value[option];
    double number;
    if (value == NULL) {
        return VITLRP_OK;
    }
    if (strcmp(value, "inf") == 0) {
        *out = INFINITY;
        return VITLRP_OK;
    }
    if (!parse_double(value, 0.0, FLT_MAX, &number)) {
        char name[OPTION_NAME_LIMIT];
        option_spell(option, name, sizeof name);
        return option_fail(name, value, "a number from 0 to 3.4e38, or inf", err);
    }
    *out = (float) number;
    return VITLRP_OK;
}

static enum vitlrp_status read_share_option(const struct args *args, struct vitlrp_rules *rules,
                                            struct vitlrp_error *err) {
    static const struct option_range SHARES = {0.0, 1.0, "a number from 0 to 1"};
    double share = 0.0;
    if (args->value[OPTION_ATTENTION_SHARE] == NULL) {
        return VITLRP_OK;
    }
    TRY(option_number(args, OPTION_ATTENTION_SHARE, &SHARES, &share, err));
    attention_share_set(rules, (float) share);
    return VITLRP_OK;
}

enum vitlrp_status method_rules(const struct args *args, struct vitlrp_rules *rules,
                                struct vitlrp_error *err) {
    float linear = -1.0F;
    TRY(apply_settings(args, rules, err));
    TRY(read_gamma(args, OPTION_GAMMA_LINEAR, &linear, err));
    if (linear >= 0.0F) {
        rules->gamma[VITLRP_ROLE_FC1] = linear;
        rules->gamma[VITLRP_ROLE_FC2] = linear;
        rules->gamma[VITLRP_ROLE_HEAD] = linear;
    }
    TRY(read_gamma(args, OPTION_GAMMA_CONV, &rules->gamma[VITLRP_ROLE_CONV], err));
    TRY(read_gamma(args, OPTION_GAMMA_QKV, &rules->gamma[VITLRP_ROLE_QKV], err));
    TRY(read_gamma(args, OPTION_GAMMA_PROJ, &rules->gamma[VITLRP_ROLE_PROJ], err));
    TRY(read_gamma(args, OPTION_GAMMA_FC1, &rules->gamma[VITLRP_ROLE_FC1], err));
    TRY(read_gamma(args, OPTION_GAMMA_FC2, &rules->gamma[VITLRP_ROLE_FC2], err));
    TRY(read_gamma(args, OPTION_GAMMA_HEAD, &rules->gamma[VITLRP_ROLE_HEAD], err));
    double epsilon = rules->epsilon;
    const struct option_range range = {0.0, FLT_MAX, "a number from 0 to 3.4e38"};
    TRY(option_number(args, OPTION_EPSILON, &range, &epsilon, err));
    rules->epsilon = (float) epsilon;
    return read_share_option(args, rules, err);
}

/* The library's message says which name was meant, or all. */
enum vitlrp_status method_fail_name(const char *option, const char *name,
                                    struct vitlrp_error *err) {
    struct vitlrp_method_info info;
    vitlrp_method_info_init(&info);
    return error_prefix(err, vitlrp_method_describe(name, &info, err), option);
}

static enum vitlrp_status find_method(const char *option, const char *name,
                                      struct vitlrp_method_info *info,
                                      struct vitlrp_method_options *options,
                                      struct vitlrp_error *err) {
    vitlrp_method_info_init(info);
    if (vitlrp_method_describe(name, info, NULL) != VITLRP_OK ||
        vitlrp_method_options_init(options, name, NULL) != VITLRP_OK) {
        return method_fail_name(option, name, err);
    }
    return VITLRP_OK;
}

bool method_reads_option(const struct vitlrp_method_info *info, enum option_id option) {
    for (size_t i = 0; i < sizeof PARTICULAR / sizeof PARTICULAR[0]; i++) {
        uint32_t reads = PARTICULAR[i].reads;
        bool taken = reads == 0 ? info->has_ledger != 0 : (info->reads & reads) != 0;
        if (PARTICULAR[i].option == option) {
            return taken;
        }
    }
    return true;
}

static enum vitlrp_status check_particular(const struct args *args,
                                           const struct vitlrp_method_info *info,
                                           struct vitlrp_error *err) {
    for (size_t i = 0; i < sizeof PARTICULAR / sizeof PARTICULAR[0]; i++) {
        enum option_id option = PARTICULAR[i].option;
        if (args->value[option] != NULL && !method_reads_option(info, option)) {
            return fail(err, VITLRP_USAGE, "--%s is not an option of the method %s",
                        option_table()[option].name, info->name);
        }
    }
    return VITLRP_OK;
}

/* The options that are words. */
static enum vitlrp_status read_words(const struct args *args, struct vitlrp_method_options *options,
                                     struct vitlrp_error *err) {
    int fusion = 0;
    int score = 0;
    int masks = 0;
    TRY(option_choice(args, OPTION_HEAD_FUSION, &fusion, err));
    TRY(option_choice(args, OPTION_SCORE, &score, err));
    TRY(option_choice(args, OPTION_MASKS, &masks, err));
    options->head_fusion = (enum vitlrp_head_fusion) fusion;
    options->score = (enum vitlrp_score) score;
    options->masks = (enum vitlrp_masks) masks;
    if (options->masks == VITLRP_MASKS_HALVES && args->value[OPTION_SAMPLES] != NULL) {
        return fail(err, VITLRP_USAGE, "--samples: --masks halves are always two copies");
    }
    return VITLRP_OK;
}

enum vitlrp_status method_choose(const struct args *args, struct vitlrp_method_info *info,
                                 struct vitlrp_method_options *options, struct vitlrp_error *err) {
    static const struct option_range RATIOS = {0.0, MAX_DISCARD_RATIO,
                                               "a number from 0 to below 1"};
    static const struct option_range NOISES = {0.0, MAX_NOISE, "a number from 0 to 1000"};
    const char *name = args->value[OPTION_METHOD];
    name = name == NULL ? vitlrp_method_name(0) : name;
    TRY(find_method("--method", name, info, options, err));
    TRY(check_particular(args, info, err));
    TRY(method_rules(args, &options->rules, err));
    TRY(option_number(args, OPTION_DISCARD_RATIO, &RATIOS, &options->discard_ratio, err));
    TRY(option_int("--samples", args->value[OPTION_SAMPLES], 1, MAX_SAMPLES, &options->samples,
                   err));
    TRY(option_number(args, OPTION_NOISE, &NOISES, &options->noise, err));
    TRY(read_words(args, options, err));
    int64_t seed = (int64_t) options->seed;
    TRY(option_whole(args, OPTION_SEED, 0, INT64_MAX, &seed, err));
    options->seed = (uint64_t) seed;
    return VITLRP_OK;
}

enum vitlrp_status method_choose_named(const struct args *args, const char *name,
                                       struct vitlrp_method_info *info,
                                       struct vitlrp_method_options *options,
                                       struct vitlrp_error *err) {
    struct args one = *args;
    one.value[OPTION_METHOD] = name;
    TRY(find_method("--methods", name, info, options, err));
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        one.value[i] = method_reads_option(info, i) ? one.value[i] : NULL;
    }
    return method_choose(&one, info, options, err);
}

static enum vitlrp_status add_method(const struct args *args, const char *name,
                                     struct method_list *list, struct vitlrp_error *err) {
    size_t place = list->count;
    if (place == METHODS_MAX) {
        return fail(err, VITLRP_USAGE, "--methods names more than %d methods", METHODS_MAX);
    }
    for (size_t i = 0; i < place; i++) {
        if (strcmp(list->info[i].name, name) == 0) {
            return fail(err, VITLRP_USAGE, "--methods names '%s' twice", name);
        }
    }
    TRY(method_choose_named(args, name, &list->info[place], &list->options[place], err));
    list->count++;
    return VITLRP_OK;
}

/* "a,b,c" taken apart. */
static enum vitlrp_status add_methods(const struct args *args, const char *value,
                                      struct method_list *list, struct vitlrp_error *err) {
    for (const char *next = value;;) {
        char name[64];
        size_t length = strcspn(next, ",");
        if (length == 0 || length >= sizeof name) {
            return option_fail("--methods", value, "names, separated by commas", err);
        }
        memcpy(name, next, length);
        name[length] = '\0';
        TRY(add_method(args, name, list, err));
        if (next[length] == '\0') {
            return VITLRP_OK;
        }
        next += length + 1;
    }
}

/* An option that is given is one of a method of the list. */
static enum vitlrp_status check_list(const struct args *args, const struct method_list *list,
                                     struct vitlrp_error *err) {
    for (size_t i = 0; i < sizeof PARTICULAR / sizeof PARTICULAR[0]; i++) {
        enum option_id option = PARTICULAR[i].option;
        bool taken = args->value[option] == NULL;
        for (size_t m = 0; m < list->count; m++) {
            taken = taken || method_reads_option(&list->info[m], option);
        }
        if (!taken) {
            return fail(err, VITLRP_USAGE, "--%s is not an option of the methods %s",
                        option_table()[option].name, args->value[OPTION_METHODS]);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status fill_list(const struct args *args, struct method_list *list,
                                    struct vitlrp_error *err) {
    const char *several = args->verb == VERB_EXPLAIN ? args->value[OPTION_METHODS] : NULL;
    if (several == NULL) {
        list->count = 1;
        return method_choose(args, &list->info[0], &list->options[0], err);
    }
    if (args->value[OPTION_METHOD] != NULL) {
        return fail(err, VITLRP_USAGE, "--method and --methods: use one of them");
    }
    TRY(add_methods(args, several, list, err));
    return check_list(args, list, err);
}

enum vitlrp_status method_list_open(const struct args *args, struct method_list **list,
                                    struct vitlrp_error *err) {
    struct method_list *filled = mem_calloc(1, sizeof *filled);
    if (filled == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a list of methods");
    }
    enum vitlrp_status status = fill_list(args, filled, err);
    if (status != VITLRP_OK) {
        mem_free(filled);
        return status;
    }
    *list = filled;
    return VITLRP_OK;
}

/* What a rule method adds to its name. */
static void append_rules(struct text *out, const struct vitlrp_rules *rules) {
    if (rules->attention == VITLRP_ATTENTION_SHARE) {
        text_printf(out, ", attention share %g", (double) rules->attention_share);
    }
    text_printf(out, ", gamma conv %g qkv %g proj %g fc1 %g fc2 %g head %g, epsilon %g",
                (double) rules->gamma[VITLRP_ROLE_CONV], (double) rules->gamma[VITLRP_ROLE_QKV],
                (double) rules->gamma[VITLRP_ROLE_PROJ], (double) rules->gamma[VITLRP_ROLE_FC1],
                (double) rules->gamma[VITLRP_ROLE_FC2], (double) rules->gamma[VITLRP_ROLE_HEAD],
                (double) rules->epsilon);
}

void method_append(struct text *out, const struct vitlrp_method_info *info,
                   const struct vitlrp_method_options *options) {
    text_append_string(out, info->name);
    if ((info->reads & VITLRP_READS_RULES) != 0) {
        append_rules(out, &options->rules);
    }
    if ((info->reads & VITLRP_READS_HEAD_FUSION) != 0) {
        text_printf(out, ", %s of heads, discard ratio %g",
                    word_of(WORDS_HEAD_FUSION, options->head_fusion), options->discard_ratio);
    }
    if ((info->reads & VITLRP_READS_SCORE) != 0 && options->score != VITLRP_SCORE_LOGIT) {
        text_printf(out, ", score %s", word_of(WORDS_SCORE, options->score));
    }
    bool halves = (info->reads & VITLRP_READS_MASKS) != 0 && options->masks == VITLRP_MASKS_HALVES;
    if (halves) {
        text_append_string(out, ", two halves");
    } else if ((info->reads & VITLRP_READS_SAMPLES) != 0) {
        text_printf(out, ", %d sample%s", options->samples, options->samples == 1 ? "" : "s");
    }
    if ((info->reads & VITLRP_READS_NOISE) != 0) {
        text_printf(out, ", noise %g", options->noise);
    }
    if ((info->reads & VITLRP_READS_SEED) != 0) {
        text_printf(out, ", seed %llu", (unsigned long long) options->seed);
    }
}
