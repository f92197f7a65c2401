#define _GNU_SOURCE
#include "args.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/suggest.h"
#include "base/text.h"
#include "base/words.h"

/* getopt_long's value of a long option: the table's index behind all letters. */
#define LONG_BASE 256

#define VALUE_LIMIT ((size_t) 1 << 16) /* of an option's values together */

/* What getopt returns for an operand when its short options begin with '-'. */
#define OPERAND 1

static const struct option_entry OPTIONS[OPTION_COUNT] = {
#define OPTION(identifier, name, letter, argument, verbs, group, help)                             \
    [OPTION_##identifier] = {name, letter, argument, verbs, group, help},
#include "options.def"
};

static const char *const *const CHOICES_OF[OPTION_COUNT] = {
#define CHOICES(identifier, ...) [OPTION_##identifier] = (const char *const[]){__VA_ARGS__, NULL},
#include "options.def"
};

/* By the list's number and one, since 0 is for options without. */
static const int WORDS_BEHIND[OPTION_COUNT] = {
#define WORDS(identifier, list) [OPTION_##identifier] = WORDS_##list + 1,
#include "options.def"
};

static const struct more_choices MORE_CHOICES_OF[OPTION_COUNT] = {
#define MORE_CHOICES(identifier, verbs, ...)                                                       \
    [OPTION_##identifier] = {verbs, (const char *const[]){__VA_ARGS__, NULL}},
#include "options.def"
};

static const bool IS_JOINED[OPTION_COUNT] = {
#define JOINED(identifier) [OPTION_##identifier] = true,
#include "options.def"
};

static const unsigned APART_OF[OPTION_COUNT] = {
#define APART(identifier, verbs) [OPTION_##identifier] = (verbs),
#include "options.def"
};

static const char *const VERBS[VERB_COUNT] = {
    [VERB_EXPLAIN] = "explain", [VERB_COMPARE] = "compare",   [VERB_NEURONS] = "neurons",
    [VERB_BATCH] = "batch",     [VERB_CONCEPTS] = "concepts", [VERB_EVAL] = "eval",
    [VERB_MERGE] = "merge",     [VERB_TUNE] = "tune",         [VERB_RERUN] = "rerun",
    [VERB_INFO] = "info",       [VERB_BENCH] = "bench",       [VERB_HELP] = "help"};

/* 1 + the option's number among those that are repeated; 0: it is not. */
static const int REPEATED_PLACE[OPTION_COUNT] = {
#define REPEATED(identifier, ...) [OPTION_##identifier] = 1 + REPEATED_##identifier,
#include "options.def"
};

const struct option_entry *option_table(void) {
    return OPTIONS;
}

const char *const *option_choices(enum option_id option) {
    int list = WORDS_BEHIND[option];
    return list > 0 ? words_of((enum word_list)(list - 1)) : CHOICES_OF[option];
}

const struct more_choices *option_more_choices(enum option_id option) {
    return &MORE_CHOICES_OF[option];
}

bool option_is_apart(enum option_id option, enum verb verb) {
    return (APART_OF[option] & 1U << verb) != 0;
}

bool option_names_file(enum option_id option) {
    static const char *const BEGINNINGS[] = {"FILE", "FOLDER", "DIR", "CSV"};
    const char *argument = OPTIONS[option].argument;
    for (size_t i = 0; argument != NULL && i < sizeof BEGINNINGS / sizeof BEGINNINGS[0]; i++) {
        if (strncmp(argument, BEGINNINGS[i], strlen(BEGINNINGS[i])) == 0) {
            return true;
        }
    }
    return false;
}

const char *verb_name(enum verb verb) {
    return VERBS[verb];
}

void option_spell(enum option_id option, char *out, size_t size) {
    if (OPTIONS[option].name != NULL) {
        snprintf(out, size, "--%s", OPTIONS[option].name);
    } else {
        snprintf(out, size, "-%c", OPTIONS[option].letter);
    }
}

enum option_id option_by_name(const char *name) {
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        if (OPTIONS[i].name != NULL && strcmp(OPTIONS[i].name, name) == 0) {
            return i;
        }
    }
    return OPTION_COUNT;
}

static enum option_id option_by_letter(int letter) {
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        if (OPTIONS[i].letter == letter) {
            return i;
        }
    }
    return OPTION_COUNT;
}

/* The tables that getopt_long wants: '-' reports operands in place (whatever POSIXLY_CORRECT says),
 * ':' separates a missing argument from an unknown option. */
static void getopt_tables(struct option *longs, char *shorts) {
    *shorts++ = '-';
    *shorts++ = ':';
    for (int i = 0; i < OPTION_COUNT; i++) {
        int takes = OPTIONS[i].argument != NULL ? required_argument : no_argument;
        if (OPTIONS[i].letter != 0) {
            *shorts++ = (char) OPTIONS[i].letter;
            if (takes == required_argument) {
                *shorts++ = ':';
            }
        }
        if (OPTIONS[i].name != NULL) {
            *longs++ = (struct option){OPTIONS[i].name, takes, NULL, LONG_BASE + i};
        }
    }
    *shorts = '\0';
    *longs = (struct option){NULL, 0, NULL, 0};
}

/* The word of argv in which getopt_long just met an option. */
static const char *current_word(char **argv) {
    bool separate = optarg != NULL && optarg == argv[optind - 1];
    return separate ? argv[optind - 2] : argv[optind - 1];
}

/* What options of other programs are here. */
static const struct other_name OTHER_OPTIONS[] = {
    {"device", "it runs on the CPU only; -j N sets the threads"},
    {"gpu", "it runs on the CPU only; -j N sets the threads"},
    {"cuda", "it runs on the CPU only; -j N sets the threads"},
    {"topk", "did you mean -c top:K?"},
    {"colormap", "did you mean --cmap?"},
    {"colourmap", "did you mean --cmap?"},
    {"palette", "did you mean --cmap?"},
    {"alpha", "did you mean --opacity?"},
    {"overlay", "did you mean --style overlay?"},
    {"checkpoint", "did you mean --model?"},
    {"ckpt", "did you mean --model?"},
    {"arch", "the weights say the architecture; did you mean --model?"},
    {"label", "did you mean --labels FILE, or -c LABEL?"},
    {"workers", "did you mean --threads?"},
    {"jobs", "did you mean --threads?"},
    {"batch-size", "images are explained one by one; -j N sets the threads"},
    {"image-size", "did you mean --crop?"},
    {"input-size", "did you mean --crop?"},
    {"n-samples", "did you mean --samples?"},
    {"num-samples", "did you mean --samples?"},
    {"output-dir", "did you mean --output?"},
    {"save", "did you mean --output?"},
    {"dtype", "did you mean --precision?"},
    {"fp16", "did you mean --precision?"},
    {NULL, NULL},
};

/* Why a long option of `length` bytes is unknown, and what may have been meant. */
static enum vitlrp_status fail_long(const struct args *args, const char *word, size_t length,
                                    struct vitlrp_error *err) {
    char shown[80];
    struct suggestion suggestion = suggest_for(word + 2, length - 2);
    const char *here = suggest_known(OTHER_OPTIONS, word + 2, length - 2);
    text_escape_name(shown, sizeof shown, word);
    if (here != NULL) {
        return fail(err, VITLRP_USAGE, "unknown option '%s' (%s)", shown, here);
    }
    for (enum option_id i = 0; i < OPTION_COUNT && length > 2; i++) {
        const char *name = OPTIONS[i].name;
        if (name != NULL && strncmp(word + 2, name, length - 2) == 0) {
            return fail(err, VITLRP_USAGE, "option '%.*s' is not complete (did you mean --%s?)",
                        (int) length, word, name);
        }
        if (name != NULL && (!args->verb_given || (OPTIONS[i].verbs & 1U << args->verb) != 0)) {
            suggest_word(&suggestion, name);
        }
    }
    return suggestion.nearest == NULL
               ? fail(err, VITLRP_USAGE, "unknown option '%s' (see vitlrp --help)", shown)
               : fail(err, VITLRP_USAGE, "unknown option '%s' (did you mean --%s?)", shown,
                      suggestion.nearest);
}

/* letter 0: word is a long option. */
static enum vitlrp_status fail_unknown(const struct args *args, const char *word, int letter,
                                       struct vitlrp_error *err) {
    char shown[80];
    if (letter == 0) {
        return fail_long(args, word, strcspn(word, "="), err);
    }
    char spelled[3] = {'-', (char) letter, '\0'};
    text_escape_name(shown, sizeof shown, spelled);
    return fail(err, VITLRP_USAGE, "unknown option '%s' (see vitlrp --help)", shown);
}

/* glibc takes any unambiguous beginning of a long name; scripts that rely on it break with the next
 * option added, so the whole name is asked for. */
static bool is_abbreviated(const char *word, enum option_id option) {
    const char *name = OPTIONS[option].name;
    size_t length = strcspn(word + 2, "=");
    return strlen(name) != length || strncmp(word + 2, name, length) != 0;
}

static enum vitlrp_status fail_missing(const struct args *args, const char *word, int code,
                                       struct vitlrp_error *err) {
    enum option_id option =
        code >= LONG_BASE ? (enum option_id)(code - LONG_BASE) : option_by_letter(code);
    if (code >= LONG_BASE && is_abbreviated(word, option)) {
        return fail_unknown(args, word, 0, err);
    }
    return fail(err, VITLRP_USAGE, "option '%s' needs a value: %s (see vitlrp --help)", word,
                OPTIONS[option].argument);
}

/* Of an option whose value is a list, a second one goes on with the first. */
static enum vitlrp_status join_value(struct args *args, enum option_id option, const char *more,
                                     struct vitlrp_error *err) {
    struct text joined = {.limit = VALUE_LIMIT};
    text_printf(&joined, "%s,%s", args->value[option], more);
    enum vitlrp_status status = text_check(&joined, "the value of an option", err);
    if (status != VITLRP_OK) {
        text_free(&joined);
        return status;
    }
    mem_free(args->joined[option]);
    args->value[option] = args->joined[option] = joined.data;
    return VITLRP_OK;
}

/* No option has more values than the command line has words. */
static enum vitlrp_status add_value(struct args *args, enum option_id option,
                                    struct vitlrp_error *err) {
    struct value_list *list = &args->repeated[REPEATED_PLACE[option] - 1];
    if (list->values == NULL) {
        list->values = mem_calloc(args->words, sizeof *list->values);
    }
    if (list->values == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the command line");
    }
    list->values[list->count++] = optarg;
    args->value[option] = optarg;
    return VITLRP_OK;
}

/* The value that getopt_long has just found. */
static enum vitlrp_status take_value(struct args *args, enum option_id option,
                                     struct vitlrp_error *err) {
    if (REPEATED_PLACE[option] > 0) {
        return add_value(args, option, err);
    }
    if (IS_JOINED[option] && args->value[option] != NULL) {
        return join_value(args, option, optarg, err);
    }
    args->value[option] = optarg != NULL ? optarg : "";
    return VITLRP_OK;
}

static enum vitlrp_status take_option(struct args *args, int code, char **argv,
                                      struct vitlrp_error *err) {
    const char *word = current_word(argv);
    if (code == '?') {
        /* A known long option with a value it does not take comes here with its own code. */
        if (optopt >= LONG_BASE && !is_abbreviated(word, (enum option_id)(optopt - LONG_BASE))) {
            return fail(err, VITLRP_USAGE, "option '--%s' takes no value (see vitlrp --help)",
                        OPTIONS[optopt - LONG_BASE].name);
        }
        return fail_unknown(args, word, optopt, err);
    }
    if (code == ':') {
        return fail_missing(args, argv[optind - 1], optopt, err);
    }
    enum option_id option =
        code >= LONG_BASE ? (enum option_id)(code - LONG_BASE) : option_by_letter(code);
    if (code >= LONG_BASE && is_abbreviated(word, option)) {
        return fail_unknown(args, word, 0, err);
    }
    if (option == OPTION_QUIET) {
        args->verbosity = 0;
    } else if (option == OPTION_VERBOSE) {
        args->verbosity = args->verbosity < 1 ? 2 : args->verbosity + 1;
    }
    return take_value(args, option, err);
}

/* The first operand may be a verb. */
static void take_operand(struct args *args, const char *word) {
    bool first = args->operand_count == 0 && !args->verb_given;
    for (enum verb i = 0; first && i < VERB_COUNT; i++) {
        if (strcmp(word, VERBS[i]) == 0) {
            args->verb = i;
            args->verb_given = true;
            return;
        }
    }
    args->operands[args->operand_count++] = word;
}

/* What takes the place of an option with verbs that do not have it. */
static const struct {
    enum option_id option;
    unsigned verbs;
    const char *instead;
} INSTEAD[] = {
    {OPTION_METHOD, FOR_EVAL, "--methods"},
    {OPTION_METHODS, FOR_EXPLAIN | FOR_BATCH | FOR_TUNE | FOR_BENCH, "--method, one of them"},
    {OPTION_CLASS, FOR_EVAL | FOR_TUNE, "--target"},
    {OPTION_TARGET, FOR_MAPS, "--class"},
    {OPTION_TOP, FOR_MAPS, "-c top:K, or --top-percent"},
    {OPTION_RAW, FOR_BATCH, "--write raw"},
    {OPTION_LOGITS, FOR_BATCH, "--write logits"},
    {OPTION_DUMP_INPUT, FOR_BATCH, "--write input"},
    {OPTION_JSON, FOR_BATCH, "--write json"},
    {OPTION_WRITE, FOR_EXPLAIN, "-o, --raw, --logits, --dump-input and --json"},
    {OPTION_OUTPUT, FOR_EVAL, "--json, --csv and --html"},
    {OPTION_OUTPUT, FOR_INFO | FOR_BENCH, "--json"},
    {OPTION_HTML, FOR_BATCH, "-o FOLDER, which gets an index.html"},
};

static enum vitlrp_status fail_verb(const struct args *args, enum option_id option,
                                    struct vitlrp_error *err) {
    char name[OPTION_NAME_LIMIT];
    const char *verb = VERBS[args->verb];
    option_spell(option, name, sizeof name);
    for (size_t i = 0; i < sizeof INSTEAD / sizeof INSTEAD[0]; i++) {
        if (INSTEAD[i].option == option && (INSTEAD[i].verbs & 1U << args->verb) != 0) {
            return fail(err, VITLRP_USAGE, "'%s' is not an option of %s (%s takes %s)", name, verb,
                        verb, INSTEAD[i].instead);
        }
    }
    return fail(err, VITLRP_USAGE, "'%s' is not an option of %s (see vitlrp %s --help)", name, verb,
                verb);
}

static enum vitlrp_status check_verb(const struct args *args, struct vitlrp_error *err) {
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        if (args->value[i] != NULL && (OPTIONS[i].verbs & 1U << args->verb) == 0) {
            return fail_verb(args, i, err);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status args_parse(int argc, char **argv, struct args *args, struct vitlrp_error *err) {
    struct option longs[OPTION_COUNT + 1];
    char shorts[2 * OPTION_COUNT + 3];
    *args = (struct args){.verb = VERB_EXPLAIN, .verbosity = 1, .words = (size_t) argc};
    args->operands = mem_calloc((size_t) argc + 1, sizeof *args->operands);
    if (args->operands == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the command line");
    }
    getopt_tables(longs, shorts);
    opterr = 0;
    optind = 0; /* another command line than the last one, if there was one */
    for (;;) {
        int code = getopt_long(argc, argv, shorts, longs, NULL);
        if (code == -1) {
            break;
        }
        if (code == OPERAND) {
            take_operand(args, optarg);
        } else {
            TRY(take_option(args, code, argv, err));
        }
    }
    for (int i = optind; i < argc; i++) {
        args->operands[args->operand_count++] = argv[i];
    }
    return check_verb(args, err);
}

const char *args_value(const struct args *args, enum option_id option, size_t place) {
    if (REPEATED_PLACE[option] == 0) {
        return place == 0 ? args->value[option] : NULL;
    }
    const struct value_list *list = &args->repeated[REPEATED_PLACE[option] - 1];
    return place < list->count ? list->values[place] : NULL;
}

struct value_list *args_list(struct args *args, enum option_id option) {
    int place = REPEATED_PLACE[option];
    return place == 0 ? NULL : &args->repeated[place - 1];
}

void args_free(struct args *args) {
    for (enum option_id i = 0; i < OPTION_COUNT; i++) {
        mem_free(args->joined[i]);
    }
    for (size_t i = 0; i < REPEATED_COUNT; i++) {
        mem_free((void *) args->repeated[i].values);
    }
    mem_free(args->operands);
    *args = (struct args){0};
}

void option_append_help(enum option_id option, struct text *out) {
    const char *help = OPTIONS[option].help;
    const char *place = option_choices(option) == NULL ? NULL : strstr(help, OPTION_CHOICES);
    if (place != NULL) {
        text_append(out, help, (size_t) (place - help));
        words_append(out, option_choices(option));
        help = place + strlen(OPTION_CHOICES);
    }
    text_append_string(out, help);
}

/* ---- Values of options ---- */

#define MAX_SHARDS 1000000

enum vitlrp_status option_fail(const char *option, const char *value, const char *wanted,
                               struct vitlrp_error *err) {
    char shown[80];
    text_escape_name(shown, sizeof shown, value);
    return fail(err, VITLRP_USAGE, "%s '%s': must be %s", option, shown, wanted);
}

const char *option_choice_word(const struct args *args, enum option_id option, int index) {
    const char *const *choices = option_choices(option);
    const struct more_choices *more = option_more_choices(option);
    int count = 0;
    while (choices[count] != NULL) {
        count++;
    }
    if (index < count) {
        return choices[index];
    }
    return (more->verbs & 1U << args->verb) != 0 ? more->words[index - count] : NULL;
}

/* "a, b or c" */
static void append_choices(struct text *out, const struct args *args, enum option_id option) {
    const char *word = option_choice_word(args, option, 0);
    for (int i = 0; word != NULL; i++) {
        const char *next = option_choice_word(args, option, i + 1);
        text_printf(out, "%s%s", i == 0 ? "" : next == NULL ? " or " : ", ", word);
        word = next;
    }
}

/* The place of a choice of `length` bytes; -1 if there is none. */
static int find_choice(const struct args *args, enum option_id option, const char *value,
                       size_t length) {
    const char *word;
    for (int i = 0; (word = option_choice_word(args, option, i)) != NULL; i++) {
        if (strlen(word) == length && strncmp(value, word, length) == 0) {
            return i;
        }
    }
    return -1;
}

/* USAGE: --option 'value': must be a, b or c, and what else it may be. */
static enum vitlrp_status fail_choice(const struct args *args, enum option_id option,
                                      const char *more, struct vitlrp_error *err) {
    char spelled[48];
    struct text wanted = {.limit = 512};
    append_choices(&wanted, args, option);
    text_escape_name(spelled, sizeof spelled, args->value[option]);
    enum vitlrp_status status =
        fail(err, VITLRP_USAGE, "--%s '%s': must be %s%s", option_table()[option].name, spelled,
             wanted.failed ? "another name" : wanted.data, more);
    text_free(&wanted);
    return status;
}

enum vitlrp_status option_choice(const struct args *args, enum option_id option, int *index,
                                 struct vitlrp_error *err) {
    const char *value = args->value[option];
    if (value == NULL) {
        return VITLRP_OK;
    }
    int found = find_choice(args, option, value, strlen(value));
    if (found < 0) {
        return fail_choice(args, option, "", err);
    }
    *index = found;
    return VITLRP_OK;
}

enum vitlrp_status option_choice_set(const struct args *args, enum option_id option, int64_t *set,
                                     struct vitlrp_error *err) {
    int64_t chosen = 0;
    for (const char *next = args->value[option]; next != NULL;) {
        size_t length = strcspn(next, ",");
        int found = find_choice(args, option, next, length);
        if (found < 0) {
            return fail_choice(args, option, ", or several of them with commas between", err);
        }
        chosen |= INT64_C(1) << found;
        next = next[length] == ',' ? next + length + 1 : NULL;
    }
    *set = chosen == 0 ? *set : chosen;
    return VITLRP_OK;
}

/* `name` is that of the option, or of the variable that stands for it. */
static enum vitlrp_status read_whole(const char *name, const char *value, int64_t min, int64_t max,
                                     int64_t *out, struct vitlrp_error *err) {
    if (value != NULL && !parse_int64(value, min, max, out)) {
        char shown[80];
        text_escape_name(shown, sizeof shown, value);
        return fail(err, VITLRP_USAGE, "%s '%s': must be a whole number from %lld to %lld", name,
                    shown, (long long) min, (long long) max);
    }
    return VITLRP_OK;
}

enum vitlrp_status option_int(const char *name, const char *value, int32_t min, int32_t max,
                              int32_t *out, struct vitlrp_error *err) {
    int64_t number = *out;
    TRY(read_whole(name, value, min, max, &number, err));
    *out = (int32_t) number;
    return VITLRP_OK;
}

enum vitlrp_status option_whole(const struct args *args, enum option_id option, int64_t min,
                                int64_t max, int64_t *out, struct vitlrp_error *err) {
    char name[OPTION_NAME_LIMIT];
    option_spell(option, name, sizeof name);
    return read_whole(name, args->value[option], min, max, out, err);
}

enum vitlrp_status option_number(const struct args *args, enum option_id option,
                                 const struct option_range *range, double *out,
                                 struct vitlrp_error *err) {
    const char *value = args->value[option];
    if (value != NULL && !parse_double(value, range->min, range->max, out)) {
        char name[OPTION_NAME_LIMIT];
        option_spell(option, name, sizeof name);
        return option_fail(name, value, range->wanted, err);
    }
    return VITLRP_OK;
}

enum vitlrp_status option_shard(const char *value, int32_t *shard, int32_t *shards,
                                struct vitlrp_error *err) {
    int64_t place = 0;
    int64_t count = 0;
    const char *slash = value == NULL ? NULL : strchr(value, '/');
    if (value == NULL) {
        return VITLRP_OK;
    }
    if (slash == NULL || !parse_int64(slash + 1, 1, MAX_SHARDS, &count) ||
        !parse_int64_span(value, (size_t) (slash - value), 0, count - 1, &place)) {
        return option_fail("--shard", value, "i/N with i from 0 to N - 1, as 0/4", err);
    }
    *shard = (int32_t) place;
    *shards = (int32_t) count;
    return VITLRP_OK;
}
