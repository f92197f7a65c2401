/* The command line: the option table, parsing, and the values of options. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

enum verb {
    VERB_EXPLAIN,
    VERB_COMPARE,
    VERB_NEURONS,
    VERB_BATCH,
    VERB_CONCEPTS,
    VERB_EVAL,
    VERB_MERGE,
    VERB_TUNE,
    VERB_RERUN,
    VERB_INFO,
    VERB_BENCH,
    VERB_HELP,
    VERB_COUNT
};

enum verb_set {
    FOR_EXPLAIN = 1 << VERB_EXPLAIN,
    FOR_COMPARE = 1 << VERB_COMPARE,
    FOR_NEURONS = 1 << VERB_NEURONS,
    FOR_BATCH = 1 << VERB_BATCH,
    FOR_CONCEPTS = 1 << VERB_CONCEPTS,
    FOR_EVAL = 1 << VERB_EVAL,
    FOR_MERGE = 1 << VERB_MERGE,
    FOR_TUNE = 1 << VERB_TUNE,
    FOR_RERUN = 1 << VERB_RERUN,
    FOR_INFO = 1 << VERB_INFO,
    FOR_BENCH = 1 << VERB_BENCH,
    FOR_HELP = 1 << VERB_HELP,
    FOR_MAPS = FOR_EXPLAIN | FOR_COMPARE | FOR_BATCH, /* heat maps are made */
    FOR_DATASET = FOR_BATCH | FOR_EVAL | FOR_TUNE,    /* there is a dataset */
    FOR_IMAGES =
        FOR_MAPS | FOR_NEURONS | FOR_CONCEPTS | FOR_EVAL | FOR_TUNE, /* photographs become inputs */
    FOR_RULES = FOR_IMAGES | FOR_BENCH,                              /* something is attributed */
    FOR_MODEL = FOR_RULES | FOR_INFO,                                /* there is a model */
    FOR_ALL = FOR_MODEL | FOR_MERGE | FOR_RERUN | FOR_HELP
};

enum help_group {
    GROUP_MODEL,
    GROUP_TARGET,
    GROUP_METHOD,
    GROUP_UNITS,
    GROUP_EVAL,
    GROUP_PREPROCESS,
    GROUP_PICTURE,
    GROUP_DATA,
    GROUP_RUN,
    GROUP_TALK,
    GROUP_COUNT
};

enum option_id {
#define OPTION(identifier, name, letter, argument, verbs, group, help) OPTION_##identifier,
#include "options.def"
    OPTION_COUNT
};

struct option_entry {
    const char *name; /* NULL: has a letter only */
    int letter;       /* 0: has a name only */
    const char *argument;
    unsigned verbs;
    enum help_group group;
    const char *help;
};

/* The table of options.def, OPTION_COUNT entries. */
const struct option_entry *option_table(void);

/* The option of a long name; OPTION_COUNT if there is none. */
enum option_id option_by_name(const char *name);

/* The option as a user types it: "--name", or "-n" where it has a letter only. */
#define OPTION_NAME_LIMIT 32
void option_spell(enum option_id option, char *out, size_t size);

/* The option's help, with its choices, if it has any, in the place of OPTION_CHOICES. */
#define OPTION_CHOICES "{}"
void option_append_help(enum option_id option, struct text *out);

/* Among an option's choices: any name of a method, which the library knows. */
#define ANY_METHOD "METHOD"

/* The words that an option takes, NULL behind the last; NULL if there is no such list. */
const char *const *option_choices(enum option_id option);

struct more_choices {
    unsigned verbs;           /* 0: there are none */
    const char *const *words; /* NULL behind the last */
};

/* The words that an option takes beyond its choices with some verbs only. */
const struct more_choices *option_more_choices(enum option_id option);

/* True of an option that decides about no figure of this verb's record: where results go, how they
 * look, how the work is done and told. Records do not state it. */
bool option_is_apart(enum option_id option, enum verb verb);

/* True of an option whose value is the name of a file or folder, by the argument that help shows.
 */
bool option_names_file(enum option_id option);

/* The verb's word. */
const char *verb_name(enum verb verb);

/* What an option was given, each time, in that order. */
struct value_list {
    const char **values; /* owned; the strings are argv's. NULL: not given */
    size_t count;
};

/* The options that have one. */
enum repeated_option {
#define REPEATED(identifier, ...) REPEATED_##identifier,
#include "options.def"
    REPEATED_COUNT
};

struct args {
    size_t words; /* of argv */
    enum verb verb;
    bool verb_given;  /* written out, not only implied */
    const char *kept; /* what rerun writes itself: no input of this run; NULL: nothing */
    bool of_record;   /* what it states is all: no variable stands for an option */
    const char *value[OPTION_COUNT]; /* of the last time; "" for an option without argument; NULL
                                        if not given */
    char *joined[OPTION_COUNT];      /* owned: the values of a list that was given several times */
    struct value_list repeated[REPEATED_COUNT];
    int verbosity;         /* 0 quiet, 1 normal, 2 and more for -v and -vv */
    const char **operands; /* owned; the strings are argv's */
    size_t operand_count;
};

/* Fills *args from argv; args_free releases it, after a failure too. USAGE with one line that ends
 * in a hint. */
enum vitlrp_status args_parse(int argc, char **argv, struct args *args, struct vitlrp_error *err);

/* What an option was given at a place among its values (0 unless it is a repeated one); NULL behind
 * the last. */
const char *args_value(const struct args *args, enum option_id option, size_t place);

/* What an option was given each time; NULL for one that is not repeated. */
struct value_list *args_list(struct args *args, enum option_id option);

void args_free(struct args *args);

/* USAGE: option 'value': must be `wanted`. */
enum vitlrp_status option_fail(const char *option, const char *value, const char *wanted,
                               struct vitlrp_error *err);

/* The word at a place among the choices that an option has with the verb, those with some verbs
 * only behind the others (options.def); NULL at the first place beyond. */
const char *option_choice_word(const struct args *args, enum option_id option, int index);

/* The place of an option's value among these. */
enum vitlrp_status option_choice(const struct args *args, enum option_id option, int *index,
                                 struct vitlrp_error *err);

/* The places of an option's values, which commas separate, as bits. *set stays where the option is
 * not given. */
enum vitlrp_status option_choice_set(const struct args *args, enum option_id option, int64_t *set,
                                     struct vitlrp_error *err);

/* A whole number; `value` NULL: not given. */
enum vitlrp_status option_int(const char *name, const char *value, int32_t min, int32_t max,
                              int32_t *out, struct vitlrp_error *err);

/* The numbers [min, max], which `wanted` says in words. */
struct option_range {
    double min, max;
    const char *wanted;
};

/* A number of the range. *out stays where the option is not given. */
enum vitlrp_status option_number(const struct args *args, enum option_id option,
                                 const struct option_range *range, double *out,
                                 struct vitlrp_error *err);

/* A whole number of the range. *out stays where the option is not given. */
enum vitlrp_status option_whole(const struct args *args, enum option_id option, int64_t min,
                                int64_t max, int64_t *out, struct vitlrp_error *err);

/* "i/N" with 0 <= i < N. */
enum vitlrp_status option_shard(const char *value, int32_t *shard, int32_t *shards,
                                struct vitlrp_error *err);

#endif
