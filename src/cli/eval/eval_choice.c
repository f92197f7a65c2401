#include "eval_choice.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/field.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/args.h"
#include "cli/machine.h"
#include "cli/method_choice.h"
#include "cli/model_input.h"
#include "cli/operands.h"

#define MAX_LIMIT 10000000
#define MAX_BLOCK 99999

/* Of --agreement without --coalitions. */
#define LEAST_COALITIONS 1024

/* What ranks hidden units and has no map, beside the methods. */
#define ACTIVATION "activation"

static bool is_method(const struct args *args, const char *name) {
    struct vitlrp_method_info info;
    if (args->value[OPTION_UNITS] != NULL && strcmp(name, ACTIVATION) == 0) {
        return true;
    }
    vitlrp_method_info_init(&info);
    return vitlrp_method_describe(name, &info, NULL) == VITLRP_OK;
}

static size_t count_parts(const char *list) {
    size_t count = 1;
    for (const char *comma = strchr(list, ','); comma != NULL; comma = strchr(comma + 1, ',')) {
        count++;
    }
    return count;
}

/* Cuts the first part off a list, which then begins behind its comma. */
static char *take_part(char **list) {
    char *part = *list;
    size_t length = strcspn(part, ",");
    part[length] = '\0';
    *list = part + length + 1;
    return part;
}

/* "a,b,c" taken apart. */
static enum vitlrp_status read_methods(const struct args *args, struct eval_choice *choice,
                                       struct vitlrp_error *err) {
    bool tunes = args->verb == VERB_TUNE;
    const char *option = tunes ? "--method" : "--methods";
    const char *value = args->value[tunes ? OPTION_METHOD : OPTION_METHODS];
    if (value == NULL) {
        return VITLRP_OK;
    }
    size_t count = count_parts(value);
    choice->names = mem_strdup(value);
    choice->methods = mem_calloc(count, sizeof *choice->methods);
    if (choice->names == NULL || choice->methods == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a list of methods");
    }
    char *next = choice->names;
    for (size_t i = 0; i < count; i++) {
        choice->methods[i] = take_part(&next);
        if (choice->methods[i][0] == '\0') {
            return option_fail(option, value, "names, separated by commas", err);
        }
        if (!is_method(args, choice->methods[i])) {
            return method_fail_name(option, choice->methods[i], err);
        }
    }
    choice->options.methods = choice->methods;
    choice->options.method_count = count;
    return VITLRP_OK;
}

/* "a=one,b=two" taken apart. */
static enum vitlrp_status read_maps(const struct args *args, struct eval_choice *choice,
                                    struct vitlrp_error *err) {
    const char *value = args->value[OPTION_MAPS];
    if (value == NULL) {
        return VITLRP_OK;
    }
    size_t count = count_parts(value);
    choice->map_names = mem_strdup(value);
    choice->maps = mem_calloc(count, sizeof *choice->maps);
    if (choice->map_names == NULL || choice->maps == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a list of maps");
    }
    char *next = choice->map_names;
    for (size_t i = 0; i < count; i++) {
        char *name = take_part(&next);
        char *equals = strchr(name, '=');
        if (equals == NULL || equals == name || equals[1] == '\0') {
            return option_fail("--maps", value, "NAME=DIR, several separated by commas", err);
        }
        *equals = '\0';
        choice->maps[i] = (struct vitlrp_eval_maps){.name = name, .folder = equals + 1};
    }
    choice->options.maps = choice->maps;
    choice->options.map_count = count;
    return VITLRP_OK;
}

int64_t eval_setting_get(const struct vitlrp_eval_setting *setting,
                         const struct vitlrp_eval_options *options) {
    return field_get(options, (struct field){setting->offset, setting->size});
}

/* Longest name of a setting, with its end. */
#define SETTING_NAME 32

/* The option of a setting's name, whose words it joins with hyphens. */
static enum option_id option_of(const char *setting) {
    char name[SETTING_NAME];
    snprintf(name, sizeof name, "%s", setting);
    for (char *at = name; (at = strchr(at, '_')) != NULL;) {
        *at = '-';
    }
    return option_by_name(name);
}

/* A setting of the evaluation, by its option. */
static enum vitlrp_status read_setting(const struct args *args,
                                       const struct vitlrp_eval_setting *setting,
                                       struct vitlrp_eval_options *options,
                                       struct vitlrp_error *err) {
    enum option_id option = option_of(setting->name);
    int64_t number = 0;
    int choice = 0;
    if (option == OPTION_COUNT || args->value[option] == NULL) {
        return VITLRP_OK;
    }
    if (setting->is_set != 0) {
        TRY(option_choice_set(args, option, &number, err));
    } else if (option_table()[option].argument == NULL) {
        number = 1;
    } else if (setting->enumeration != NULL) {
        TRY(option_choice(args, option, &choice, err));
        number = choice;
    } else {
        TRY(option_whole(args, option, setting->low, setting->high, &number, err));
    }
    field_set(options, (struct field){setting->offset, setting->size}, number);
    return VITLRP_OK;
}

/* "11" or "8-11": neighbours, since their units are one ranking. */
static enum vitlrp_status read_blocks(const char *list, struct vitlrp_eval_options *options,
                                      struct vitlrp_error *err) {
    int64_t first = -1;
    if (list == NULL) {
        return VITLRP_OK;
    }
    bool is_range = parse_leading_int64(list, MAX_BLOCK, &first);
    const char *next = list + strspn(list, "0123456789");
    int64_t last = first;
    if (is_range && *next == '-') {
        is_range = parse_leading_int64(++next, MAX_BLOCK, &last);
        next += strspn(next, "0123456789");
    }
    if (!is_range || last < first || *next != '\0') {
        return option_fail("--blocks", list, "a block, or neighbours as 8-11: they are one ranking",
                           err);
    }
    options->first_block = (int32_t) first;
    options->block_count = (int32_t) (last - first + 1);
    return VITLRP_OK;
}

static enum vitlrp_status read_protocol(const struct args *args,
                                        struct vitlrp_eval_options *options,
                                        struct vitlrp_error *err) {
    struct vitlrp_eval_setting setting;
    int32_t limit = 0;
    vitlrp_eval_setting_init(&setting);
    for (size_t i = 0; vitlrp_eval_setting_at(i, &setting, NULL) == VITLRP_OK; i++) {
        TRY(read_setting(args, &setting, options, err));
    }
    TRY(read_blocks(args->value[OPTION_BLOCKS], options, err));
    if (options->units != VITLRP_UNITS_PATCH && args->value[OPTION_STEPS] != NULL) {
        return fail(err, VITLRP_USAGE,
                    "--steps: curves over hidden units have points of their own: leave it out");
    }
    if (args->value[OPTION_AGREEMENT] != NULL && options->coalitions == 0) {
        options->coalitions = LEAST_COALITIONS;
    }
    TRY(option_int("--limit", args->value[OPTION_LIMIT], 1, MAX_LIMIT, &limit, err));
    options->limit = (size_t) limit;
    return VITLRP_OK;
}

enum vitlrp_status eval_choose(const struct args *args, const struct settings *settings,
                               struct eval_choice *choice, struct vitlrp_error *err) {
    struct vitlrp_eval_options *options = &choice->options;
    *choice = (struct eval_choice){0};
    vitlrp_eval_options_init(options);
    if (args->operand_count != 1) {
        return fail(err, VITLRP_USAGE,
                    "%s takes one dataset: a folder, or a list of files (see "
                    "vitlrp %s --help)",
                    verb_name(args->verb), verb_name(args->verb));
    }
    TRY(operand_check_dataset(args->operands[0], err));
    options->dataset = args->operands[0];
    options->truth = args->value[OPTION_TRUTH];
    options->boxes = args->value[OPTION_BOXES];
    options->truth_masks = args->value[OPTION_TRUTH_MASKS];
    options->reference = args->value[OPTION_REFERENCE];
    options->retry_failed = args->value[OPTION_RETRY_FAILED] != NULL;
    options->threads = settings->threads;
    options->backend = settings->backend;
    options->ignore_exif = settings->image.ignore_exif;
    options->image_limits = settings->limits.image;
    TRY(read_methods(args, choice, err));
    TRY(read_maps(args, choice, err));
    TRY(option_shard(args->value[OPTION_SHARD], &options->shard, &options->shards, err));
    TRY(read_protocol(args, options, err));
    TRY(rule_changes_read(args, &choice->rules, err));
    options->rules = &choice->rules;
    return VITLRP_OK;
}

void eval_choose_for_model(const struct settings *settings, const struct vitlrp_model *model,
                           const struct console *console, struct eval_choice *choice) {
    choice->options.max_bytes = limits_memory(&settings->limits, machine_room().memory);
    model_input_choose(settings, model, &choice->preprocess);
    model_input_warn(settings, model, &choice->preprocess, console);
    choice->options.preprocess = &choice->preprocess;
}

void eval_choice_free(struct eval_choice *choice) {
    mem_free(choice->names);
    mem_free(choice->methods);
    mem_free(choice->map_names);
    mem_free(choice->maps);
    *choice = (struct eval_choice){0};
}
