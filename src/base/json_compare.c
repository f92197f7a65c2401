#include "base/json_compare.h"

#include <string.h>

#define PATH_LIMIT 256
#define SHOWN_VALUE 40
#define VALUE_LIMIT ((size_t) 1 << 24)

static bool compare_values(const struct json_comparison *comparison, const char *path, json_t *a,
                           json_t *b);

/* The members of `a`; with `swapped` those that `b` has not, as of the second value. */
static bool compare_members(const struct json_comparison *comparison, const char *path, json_t *a,
                            json_t *b, bool swapped) {
    const char *key;
    json_t *value;
    bool complete = true;
    json_object_foreach(a, key, value) {
        struct text name = {.limit = PATH_LIMIT};
        json_t *other = json_object_get(b, key);
        text_printf(&name, "%s%s%s", path, path[0] == '\0' ? "" : ".", key);
        bool left_out =
            name.failed || (comparison->leaves_out != NULL && comparison->leaves_out(name.data));
        complete = complete && !name.failed;
        if (!left_out && !swapped) {
            complete = compare_values(comparison, name.data, value, other) && complete;
        } else if (!left_out && other == NULL) {
            complete = compare_values(comparison, name.data, NULL, value) && complete;
        }
        text_free(&name);
    }
    return complete;
}

/* By their text: a number that was read has the digits that were written. False if memory is short.
 */
static bool compare_texts(const json_t *a, const json_t *b, bool *same) {
    struct text first = {.limit = VALUE_LIMIT};
    struct text second = {.limit = VALUE_LIMIT};
    if (a != NULL) {
        json_append(&first, a, 0);
    }
    if (b != NULL) {
        json_append(&second, b, 0);
    }
    bool complete = !first.failed && !second.failed;
    *same = complete && first.length == second.length &&
            (first.length == 0 || memcmp(first.data, second.data, first.length) == 0);
    text_free(&first);
    text_free(&second);
    return complete;
}

static bool compare_values(const struct json_comparison *comparison, const char *path, json_t *a,
                           json_t *b) {
    bool same = false;
    if (json_is_object(a) && json_is_object(b)) {
        bool complete = compare_members(comparison, path, a, b, false);
        return compare_members(comparison, path, b, a, true) && complete;
    }
    if (!compare_texts(a, b, &same)) {
        return false;
    }
    if (!same) {
        comparison->note(comparison->user, path, a, b);
    }
    return true;
}

bool json_compare(const struct json_comparison *comparison, json_t *a, json_t *b) {
    return compare_values(comparison, "", a, b);
}

void json_append_shown(struct text *out, const json_t *value) {
    struct text text = {.limit = VALUE_LIMIT};
    char shown[SHOWN_VALUE + 8];
    if (value == NULL) {
        text_append_string(out, "absent");
        return;
    }
    json_append(&text, value, 0);
    bool cut = !text.failed && text.length > SHOWN_VALUE;
    if (cut) {
        text.data[SHOWN_VALUE] = '\0';
    }
    text_escape_name(shown, sizeof shown, text.failed ? "?" : text.data);
    text_printf(out, "%s%s", shown, cut ? "..." : "");
    text_free(&text);
}

void json_append_change(struct text *out, const char *path, const json_t *was, const json_t *is) {
    text_printf(out, "%s was ", path);
    json_append_shown(out, was);
    text_append_string(out, ", is ");
    json_append_shown(out, is);
}
