#include "eval/protocol.h"

#include <stdlib.h>
#include <string.h>

#include "base/settings_json.h"
#include "eval/protocol_table.h"

#define DEFAULT_STEPS 28

static const char *const REPLACEMENT_NAMES[] = {
    [VITLRP_REPLACE_ZERO] = "zero",   [VITLRP_REPLACE_BLACK] = "black",
    [VITLRP_REPLACE_MEAN] = "mean",   [VITLRP_REPLACE_BLUR] = "blur",
    [VITLRP_REPLACE_NOISE] = "noise", [VITLRP_REPLACE_ROAD] = "road"};

#define REPLACEMENT_COUNT (sizeof REPLACEMENT_NAMES / sizeof REPLACEMENT_NAMES[0])

static const char *const TARGET_NAMES[] = {
    [VITLRP_EVAL_PREDICTED] = "predicted", [VITLRP_EVAL_LABEL] = "label"};

#define TARGET_COUNT (sizeof TARGET_NAMES / sizeof TARGET_NAMES[0])

/* The place of the name, or count. */
static size_t find_name(const char *const *names, size_t count, const char *name) {
    size_t i = 0;
    while (i < count && strcmp(name, names[i]) != 0) {
        i++;
    }
    return i;
}

struct eval_protocol eval_protocol_default(void) {
    return (struct eval_protocol){.steps = DEFAULT_STEPS,
                                  .replacement = VITLRP_REPLACE_ZERO,
                                  .target = VITLRP_EVAL_PREDICTED};
}

enum vitlrp_status eval_protocol_check(const struct eval_protocol *protocol,
                                       struct vitlrp_error *err) {
    const struct evaluation evaluation = {.protocol = *protocol};
    return protocol_check(&evaluation, err);
}

const char *eval_target_name(enum vitlrp_eval_target target) {
    return (size_t) target < TARGET_COUNT ? TARGET_NAMES[target] : NULL;
}

enum vitlrp_status eval_target_find(const char *name, enum vitlrp_eval_target *out,
                                    struct vitlrp_error *err) {
    size_t found = find_name(TARGET_NAMES, TARGET_COUNT, name);
    if (found == TARGET_COUNT) {
        return fail(err, VITLRP_USAGE, "no target '%.40s': predicted or label", name);
    }
    *out = (enum vitlrp_eval_target) found;
    return VITLRP_OK;
}

const char *eval_replacement_name(enum vitlrp_replacement replacement) {
    return (size_t) replacement < REPLACEMENT_COUNT ? REPLACEMENT_NAMES[replacement] : NULL;
}

enum vitlrp_status eval_replacement_find(const char *name, enum vitlrp_replacement *out,
                                         struct vitlrp_error *err) {
    size_t found = find_name(REPLACEMENT_NAMES, REPLACEMENT_COUNT, name);
    if (found == REPLACEMENT_COUNT) {
        return fail(err, VITLRP_USAGE,
                    "no replacement '%.40s': zero, black, mean, blur, noise or road", name);
    }
    *out = (enum vitlrp_replacement) found;
    return VITLRP_OK;
}

const char *eval_precision_name(enum vitlrp_precision precision) {
    return json_precision_name(precision);
}

enum vitlrp_status eval_precision_find(const char *name, enum vitlrp_precision *out,
                                       struct vitlrp_error *err) {
    const char *known;
    for (enum vitlrp_precision i = 0; (known = json_precision_name(i)) != NULL; i++) {
        if (strcmp(name, known) == 0) {
            *out = i;
            return VITLRP_OK;
        }
    }
    return fail(err, VITLRP_USAGE, "no precision '%.40s': fp32, mixed or bf16", name);
}

size_t protocol_replaced(size_t point, size_t steps, size_t patches) {
    /* In integers: k T / K in floating point can fall on the wrong side of a half. */
    return (2 * point * patches + steps) / (2 * steps);
}

static int compare_ranks(const void *left, const void *right) {
    const struct ranked_patch *a = left;
    const struct ranked_patch *b = right;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->patch < b->patch ? -1 : 1;
}

void protocol_rank(const float *scores, size_t patches, struct ranked_patch *order) {
    for (size_t p = 0; p < patches; p++) {
        order[p] = (struct ranked_patch){.score = scores[p], .patch = (uint32_t) p};
    }
    qsort(order, patches, sizeof *order, compare_ranks);
}

double protocol_area(const float *curve, size_t steps) {
    double sum = 0.5 * ((double) curve[0] + (double) curve[steps]);
    for (size_t k = 1; k < steps; k++) {
        sum += (double) curve[k];
    }
    return sum / (double) steps;
}
