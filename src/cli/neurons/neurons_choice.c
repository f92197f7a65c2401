#include "neurons_choice.h"

#include <string.h>

#include "base/parse.h"

#define DEFAULT_TOP 5
#define MAX_TOP 1000

enum vitlrp_status neurons_choice_read(const struct args *args, struct neurons_choice *out,
                                       struct vitlrp_error *err) {
    int64_t top = DEFAULT_TOP;
    int site = VITLRP_SITE_FC1;
    int by = NEURONS_BY_RELEVANCE;
    TRY(option_choice(args, OPTION_SITE, &site, err));
    TRY(option_choice(args, OPTION_BY, &by, err));
    TRY(option_whole(args, OPTION_TOP, 1, MAX_TOP, &top, err));
    *out = (struct neurons_choice){.site = (enum vitlrp_site) site,
                                   .blocks = args->value[OPTION_BLOCKS],
                                   .top = (int32_t) top,
                                   .by = (enum neurons_by) by,
                                   .smallest = args->value[OPTION_NEGATIVE] != NULL,
                                   .wants_drops = args->value[OPTION_NO_DROPS] == NULL &&
                                                  site != VITLRP_SITE_STREAM};
    if (out->by == NEURONS_BY_DROP && out->site == VITLRP_SITE_STREAM) {
        return fail(err, VITLRP_USAGE,
                    "--by drop: a dimension of the stream cannot be taken away, since the "
                    "normalisation behind it would change all others (--site fc1 or head)");
    }
    return VITLRP_OK;
}

/* A whole number at *text, which moves behind it. */
static bool take_number(const char **text, int64_t *number) {
    bool is_number = parse_leading_int64(*text, INT32_MAX, number);
    *text += strspn(*text, "0123456789");
    return is_number;
}

enum vitlrp_status neurons_blocks_read(const char *list, int32_t depth, bool *wanted,
                                       struct vitlrp_error *err) {
    const char *next = list;
    for (int32_t block = 0; wanted != NULL && block < depth; block++) {
        wanted[block] = list == NULL;
    }
    while (next != NULL) {
        int64_t first = -1;
        bool is_range = take_number(&next, &first);
        int64_t last = first;
        if (is_range && *next == '-') {
            next++;
            is_range = take_number(&next, &last);
        }
        if (!is_range || last < first || (*next != ',' && *next != '\0')) {
            return option_fail("--blocks", list, "numbers and ranges of blocks, as 0,8-11", err);
        }
        if (last >= depth) {
            return fail(err, VITLRP_USAGE, "--blocks '%s': the model has the blocks 0 to %d", list,
                        depth - 1);
        }
        for (int64_t block = first; wanted != NULL && block <= last; block++) {
            wanted[block] = true;
        }
        next = *next == ',' ? next + 1 : NULL;
    }
    return VITLRP_OK;
}

size_t neurons_select(const float *scores, size_t count, bool smallest, size_t most,
                      int32_t *units) {
    float sign = smallest ? -1.0F : 1.0F;
    size_t found = 0;
    for (size_t unit = 0; unit < count; unit++) {
        size_t place = found;
        while (place > 0 && sign * scores[unit] > sign * scores[units[place - 1]]) {
            place--;
        }
        if (place == most) {
            continue;
        }
        found += found < most ? 1 : 0;
        memmove(units + place + 1, units + place, (found - place - 1) * sizeof *units);
        units[place] = (int32_t) unit;
    }
    return found;
}
