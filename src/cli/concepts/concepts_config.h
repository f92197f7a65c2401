/* What a run over hidden units is: its options, and run.json, by which it knows its own. */
#ifndef CLI_CONCEPTS_CONFIG_H
#define CLI_CONCEPTS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "base/unit_index.h"
#include "cli/args.h"
#include "cli/batch/batch_plan.h"
#include "cli/explain_session.h"
#include "gallery.h"
#include "vitlrp_units.h"

enum concepts_statistic {
    CONCEPTS_SUM, /* T of a unit: its relevance over all tokens */
    CONCEPTS_MAX  /* that of the token where it is largest */
};

struct concepts_choice {
    struct batch_choice images; /* writes nothing for each image */
    enum vitlrp_site site;
    int32_t keep; /* images of each unit and kind */
    enum concepts_statistic statistic;
    unsigned kinds;                /* as of unit_index_shape */
    bool class_sums;               /* relevance is added up by class too */
    struct gallery_choice gallery; /* decides about no value of the index */
};

/* Reads the one operand and the options that are the verb's alone. USAGE names the option, as for a
 * method that shows no hidden units and for several classes of an image. */
enum vitlrp_status concepts_choose(const struct args *args, const struct settings *settings,
                                   struct concepts_choice *choice, struct vitlrp_error *err);

/* The record of a run; `state` has an open session. *out is owned: json_decref. */
enum vitlrp_status concepts_config_make(const struct concepts_choice *choice,
                                        const struct batch_plan *plan,
                                        const struct explain_session *state, json_t **out,
                                        struct vitlrp_error *err);

/* Reads one. FORMAT for another record. *out is owned: json_decref. */
enum vitlrp_status concepts_config_parse(const char *bytes, size_t size, json_t **out,
                                         struct vitlrp_error *err);

/* The word of its site; NULL if it states none. */
const char *concepts_config_site(const json_t *config);

/* All that a run at a site writes beside what any run writes (base/run_folder), up to NULL; they
 * are the names of nothing else. */
struct concepts_files {
    char arrays[UNIT_INDEX_ARRAYS][UNIT_INDEX_MOST_NAME];
    const char *names[UNIT_INDEX_ARRAYS + 6];
};

void concepts_files(const char *site, struct concepts_files *out);

/* FORMAT for a line of results that is of another format. */
enum vitlrp_status concepts_line_check(const json_t *line, struct vitlrp_error *err);

#endif
