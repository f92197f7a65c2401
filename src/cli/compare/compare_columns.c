#include "compare_columns.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "cli/method_choice.h"

static const char DEFAULT_METHODS[] = "attnlrp,cp-lrp,chefer,rollout,input-x-gradient";

/* Takes the first word off a list with commas; *list is NULL behind the last. False for a word that
 * is empty or too long. */
static bool take_word(const char **list, char *word, size_t size) {
    size_t length = strcspn(*list, ",");
    if (length == 0 || length >= size) {
        return false;
    }
    memcpy(word, *list, length);
    word[length] = '\0';
    *list = (*list)[length] == ',' ? *list + length + 1 : NULL;
    return true;
}

static enum vitlrp_status add_column(struct compare_columns *columns,
                                     const struct settings *settings, const char *title,
                                     struct compare_column **out, struct vitlrp_error *err) {
    if (columns->count == COMPARE_COLUMNS_MAX) {
        return fail(err, VITLRP_USAGE, "a comparison has at most %d columns", COMPARE_COLUMNS_MAX);
    }
    struct compare_column *column = &columns->items[columns->count++];
    column->settings = *settings;
    snprintf(column->title, sizeof column->title, "%s", title);
    *out = column;
    return VITLRP_OK;
}

/* An option that no column reads is refused, not ignored. */
static enum vitlrp_status check_read(const struct args *args, const struct compare_columns *columns,
                                     struct vitlrp_error *err) {
    for (enum option_id option = 0; option < OPTION_COUNT; option++) {
        bool is_read = args->value[option] == NULL;
        for (size_t c = 0; c < columns->count; c++) {
            is_read |= method_reads_option(&columns->items[c].settings.method_info, option);
        }
        if (!is_read) {
            return fail(err, VITLRP_USAGE, "--%s is not an option of any of these methods",
                        option_table()[option].name);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_methods(const struct args *args, const struct settings *settings,
                                       struct compare_columns *columns, struct vitlrp_error *err) {
    const char *value = args->value[OPTION_METHODS];
    const char *list = value == NULL ? DEFAULT_METHODS : value;
    char name[64];
    while (list != NULL) {
        struct compare_column *column;
        if (!take_word(&list, name, sizeof name)) {
            return option_fail("--methods", value, "names, separated by commas", err);
        }
        TRY(add_column(columns, settings, name, &column, err));
        TRY(method_choose_named(args, name, &column->settings.method_info, &column->settings.method,
                                err));
        column->settings.render.kind = column->settings.method_info.kind;
    }
    return check_read(args, columns, err);
}

static bool read_gamma(const char *text, float *out) {
    double number;
    if (strcmp(text, "inf") == 0) {
        *out = INFINITY;
        return true;
    }
    if (!parse_double(text, 0.0, FLT_MAX, &number)) {
        return false;
    }
    *out = (float) number;
    return true;
}

/* "G", of the MLPs and the head, or "C:G", with that of the patch embedding in front. */
static bool read_pair(const char *word, struct vitlrp_rules *rules, char *title, size_t size) {
    char first[32];
    const char *colon = strchr(word, ':');
    const char *linear = colon == NULL ? word : colon + 1;
    float gamma;
    if (colon != NULL && (size_t) (colon - word) < sizeof first) {
        memcpy(first, word, (size_t) (colon - word));
        first[colon - word] = '\0';
    }
    if ((colon != NULL && ((size_t) (colon - word) >= sizeof first ||
                           !read_gamma(first, &rules->gamma[VITLRP_ROLE_CONV]))) ||
        !read_gamma(linear, &gamma)) {
        return false;
    }
    rules->gamma[VITLRP_ROLE_FC1] = gamma;
    rules->gamma[VITLRP_ROLE_FC2] = gamma;
    rules->gamma[VITLRP_ROLE_HEAD] = gamma;
    if (colon == NULL) {
        snprintf(title, size, "gamma %s", linear);
    } else {
        snprintf(title, size, "gamma conv %s, linear %s", first, linear);
    }
    return true;
}

static enum vitlrp_status read_gammas(const struct args *args, const struct settings *settings,
                                      struct compare_columns *columns, struct vitlrp_error *err) {
    const char *value = args->value[OPTION_GAMMAS];
    const char *list = value;
    char word[56];
    if ((settings->method_info.reads & VITLRP_READS_RULES) == 0) {
        return fail(err, VITLRP_USAGE, "--gammas: the method %s has no gammas",
                    settings->method_info.name);
    }
    while (list != NULL) {
        struct compare_column *column;
        char title[128];
        struct vitlrp_rules rules = settings->method.rules;
        if (!take_word(&list, word, sizeof word) || !read_pair(word, &rules, title, sizeof title)) {
            return option_fail("--gammas", value,
                               "gammas of the linear layers, or conv:linear, as 0,0.25,0.1:0.05",
                               err);
        }
        TRY(add_column(columns, settings, title, &column, err));
        column->settings.method.rules = rules;
    }
    return VITLRP_OK;
}

/* One method, under several gammas or as it is. */
static enum vitlrp_status read_one_method(const struct args *args, const struct settings *settings,
                                          struct compare_columns *columns,
                                          struct vitlrp_error *err) {
    struct settings chosen = *settings;
    struct compare_column *column;
    TRY(method_choose(args, &chosen.method_info, &chosen.method, err));
    chosen.render.kind = chosen.method_info.kind;
    return args->value[OPTION_GAMMAS] != NULL
               ? read_gammas(args, &chosen, columns, err)
               : add_column(columns, &chosen, chosen.method_info.name, &column, err);
}

enum vitlrp_status compare_columns_read(const struct args *args, const struct settings *settings,
                                        struct compare_columns *out, struct vitlrp_error *err) {
    *out = (struct compare_columns){0};
    if (args->value[OPTION_METHODS] != NULL &&
        (args->value[OPTION_GAMMAS] != NULL || args->value[OPTION_METHOD] != NULL)) {
        return fail(
            err, VITLRP_USAGE,
            "--methods compares methods, --gammas the gammas of one --method: use one of them");
    }
    out->items = mem_calloc(COMPARE_COLUMNS_MAX, sizeof *out->items);
    if (out->items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a comparison");
    }
    bool has_one = args->value[OPTION_GAMMAS] != NULL || args->value[OPTION_METHOD] != NULL;
    enum vitlrp_status status = has_one ? read_one_method(args, settings, out, err)
                                        : read_methods(args, settings, out, err);
    if (status != VITLRP_OK) {
        compare_columns_free(out);
    }
    return status;
}

void compare_columns_free(struct compare_columns *columns) {
    mem_free(columns->items);
    *columns = (struct compare_columns){0};
}
