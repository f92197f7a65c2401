/* The figures of two records of one run, and what else differs between them. */
#ifndef CLI_RERUN_COMPARE_H
#define CLI_RERUN_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "rerun_record.h"

/* Differences of a kind that are kept; the others are counted. */
#define RERUN_KEPT 20

enum rerun_kind {
    RERUN_FIGURE,       /* a result */
    RERUN_INPUT,        /* hashes, and what the model is */
    RERUN_OPTION,       /* what the options decided */
    RERUN_CIRCUMSTANCE, /* the version, the processor, the arithmetic, threads */
    RERUN_KINDS
};

struct rerun_difference {
    char *path;       /* owned: "[1].top[0].logit" */
    json_t *was, *is; /* owned; NULL: absent */
};

struct rerun_comparison {
    struct rerun_difference kept[RERUN_KINDS][RERUN_KEPT];
    size_t count[RERUN_KINDS];
    size_t figures; /* numbers of the record that were compared */
    size_t files;   /* files of results that were */
    bool failed;    /* memory ran short */
};

/* Everything of two records but names, times and what a run states of its command. `prefix`, "" or
 * "run.json.", is put before the paths. */
void rerun_compare(struct rerun_comparison *comparison, const char *prefix, const json_t *was,
                   const json_t *is);

/* Records one by one: record i has the prefix "name[i].", or none where there is one alone and the
 * name is "". */
void rerun_compare_lists(struct rerun_comparison *comparison, const char *name,
                         const struct rerun_list *was, const struct rerun_list *is);

/* A difference that was found elsewhere. Takes the references. */
void rerun_compare_add(struct rerun_comparison *comparison, enum rerun_kind kind, const char *path,
                       json_t *was, json_t *is);

/* True if nothing but circumstances differs. */
bool rerun_is_equal(const struct rerun_comparison *comparison);

/* |is - was| / |was| of two numbers; NAN otherwise. */
double rerun_relative(const struct rerun_difference *difference);

void rerun_comparison_free(struct rerun_comparison *comparison);

#endif
