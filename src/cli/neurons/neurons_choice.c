#include "neurons_choice.h"

#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "vitlrp_units.h"

#define DEFAULT_TOP 5
#define MAX_TOP 1000

/* ---- Units by name ---- */

static enum vitlrp_status read_unit(const char *name, size_t length, struct vitlrp_unit *unit,
                                    struct vitlrp_error *err) {
    char text[VITLRP_UNIT_NAME];
    if (length >= sizeof text) {
        return option_fail("--show", name, "names of units, as 4:fc1:367,11:fc1:20", err);
    }
    memcpy(text, name, length);
    text[length] = '\0';
    return error_prefix(err, vitlrp_unit_parse(text, unit, err), "--show");
}

static bool is_same(const struct vitlrp_unit *a, const struct vitlrp_unit *b) {
    return a->site == b->site && a->block == b->block && a->index == b->index;
}

/* A further unit of the list. */
static enum vitlrp_status add_unit(struct neurons_choice *choice, const char *name, size_t length,
                                   struct vitlrp_error *err) {
    struct vitlrp_unit *unit = &choice->units[choice->unit_count];
    TRY(read_unit(name, length, unit, err));
    for (size_t i = 0; i < choice->unit_count; i++) {
        if (is_same(unit, &choice->units[i])) {
            return fail(err, VITLRP_USAGE, "--show: %.*s is named twice", (int) length, name);
        }
    }
    if (unit->site != choice->units[0].site) {
        return fail(err, VITLRP_USAGE,
                    "--show: %.*s: all units of a run are of one site, as the first is",
                    (int) length, name);
    }
    choice->unit_count++;
    return VITLRP_OK;
}

static enum vitlrp_status read_units(const char *list, struct neurons_choice *choice,
                                     struct vitlrp_error *err) {
    size_t most = 1;
    for (const char *at = list; *at != '\0'; at++) {
        most += *at == ',' ? 1 : 0;
    }
    if (most > MAX_TOP) {
        return fail(err, VITLRP_USAGE, "--show: %zu units; at most %d can be shown", most, MAX_TOP);
    }
    choice->units = mem_calloc(most, sizeof *choice->units);
    if (choice->units == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu units", most);
    }
    for (const char *next = list; next != NULL;) {
        size_t length = strcspn(next, ",");
        TRY(add_unit(choice, next, length, err));
        next = next[length] == ',' ? next + length + 1 : NULL;
    }
    return VITLRP_OK;
}

/* What else would choose units. */
static enum vitlrp_status read_shown(const struct args *args, struct neurons_choice *choice,
                                     struct vitlrp_error *err) {
    static const struct {
        enum option_id option;
        const char *name;
    } OTHERS[] = {{OPTION_TOP, "--top"},
                  {OPTION_BY, "--by"},
                  {OPTION_NEGATIVE, "--negative"},
                  {OPTION_BLOCKS, "--blocks"}};
    if (args->value[OPTION_SHOW] == NULL) {
        return VITLRP_OK;
    }
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        if (args->value[OTHERS[i].option] != NULL) {
            return fail(err, VITLRP_USAGE, "--show names the units, and %s would choose others",
                        OTHERS[i].name);
        }
    }
    TRY(read_units(args->value[OPTION_SHOW], choice, err));
    if (args->value[OPTION_SITE] != NULL && choice->site != choice->units[0].site) {
        return fail(err, VITLRP_USAGE, "--show: its units are not of --site %s",
                    args->value[OPTION_SITE]);
    }
    choice->site = choice->units[0].site;
    return VITLRP_OK;
}

/* ---- Options ---- */

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
                                   .wants_first_order = args->value[OPTION_NO_FIRST_ORDER] == NULL};
    TRY(read_shown(args, out, err));
    out->wants_drops = args->value[OPTION_NO_DROPS] == NULL && out->site != VITLRP_SITE_STREAM;
    if (out->by == NEURONS_BY_DROP && out->site == VITLRP_SITE_STREAM) {
        return fail(err, VITLRP_USAGE,
                    "--by drop: a dimension of the stream cannot be taken away, since the "
                    "normalisation behind it would change all others (--site fc1 or head)");
    }
    return out->by == NEURONS_BY_DROP && !out->wants_first_order
               ? fail(err, VITLRP_USAGE, "--no-first-order: --by drop is by these changes")
               : VITLRP_OK;
}

void neurons_choice_free(struct neurons_choice *choice) {
    mem_free(choice->units);
    *choice = (struct neurons_choice){0};
}

enum vitlrp_status neurons_choice_check(const struct neurons_choice *choice,
                                        const struct vitlrp_model *model,
                                        struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    TRY(neurons_blocks_read(choice->blocks, info.depth, NULL, err));
    for (size_t i = 0; i < choice->unit_count; i++) {
        enum vitlrp_status status = vitlrp_model_check_unit(model, &choice->units[i], err);
        TRY(error_prefix(err, status, "--show"));
    }
    return VITLRP_OK;
}

/* ---- Which of a block ---- */

size_t neurons_shown_of(const struct neurons_choice *choice, int32_t block, int32_t *units) {
    size_t found = 0;
    for (size_t i = 0; i < choice->unit_count; i++) {
        if (choice->units[i].block == block) {
            units[found++] = choice->units[i].index;
        }
    }
    return found;
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
