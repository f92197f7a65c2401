/* Whether a line of results is one that a run writes: every member that resume, merge and the page
 * read is there, and has its type and range. What the members say together with the run (names,
 * sizes) is compared where the files are. */
#include <stdio.h>
#include <string.h>

#include "base/formats.h"
#include "base/json_members.h"
#include "base/words.h"
#include "batch_line.h"

/* Lines of images that are to be done again, that are done, and that failed. */
enum { OPEN = 1, DONE = 2, FAILED = 4, ALL = OPEN | DONE | FAILED, SOME = 0 };

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static const struct json_member OF_LINE[] = {
    {"id", JSON_IS_NAME, ALL},
    {"escaped", JSON_IS_TRUE, SOME},
    {"sha256", JSON_IS_HASH, SOME},
    {"label", JSON_IS_INDEX_OR_NULL, ALL},
    {"method", JSON_IS_TEXT, ALL},
    {"message", JSON_IS_TEXT, FAILED},
    {"warning", JSON_IS_TEXT, SOME},
    {"further", JSON_IS_LIST, SOME},
    {"difference", JSON_IS_OBJECT, SOME},
};

static const struct json_member OF_CLASS[] = {
    {"class", JSON_IS_INDEX, DONE},  {"wnid", JSON_IS_TEXT, DONE},
    {"name", JSON_IS_TEXT, DONE},    {"probability", JSON_IS_CHANCE, DONE},
    {"logit", JSON_IS_NUMBER, DONE}, {"relevance_sum", JSON_IS_NUMBER, DONE},
    {"files", JSON_IS_NAMES, DONE},
};

/* *sized: lines of this format state the sizes of files. */
static enum vitlrp_status check_format(const json_t *line, bool *sized, struct vitlrp_error *err) {
    const json_t *member = json_object_get(line, "format");
    const json_t *number = json_object_get(line, "v"); /* program 0.1 */
    const char *format = json_string_value(member);
    *sized = format != NULL && strcmp(format, FORMAT_BATCH_IMAGE) == 0;
    bool older = format != NULL && strcmp(format, FORMAT_BATCH_IMAGE_2_OLD) == 0;
    bool oldest = member == NULL && json_is_integer(number) && json_integer_value(number) == 1;
    return *sized || older || oldest
               ? VITLRP_OK
               : fail(err, VITLRP_FORMAT,
                      "\"format\" is not that of a line of results (of this version)");
}

static enum vitlrp_status check_state(const json_t *line, unsigned *state,
                                      struct vitlrp_error *err) {
    const char *word = json_get_string(line, "status");
    *state = FAILED;
    if (word != NULL && strcmp(word, "open") == 0) {
        *state = OPEN;
    } else if (word != NULL && strcmp(word, "ok") == 0) {
        *state = DONE;
    } else if (word == NULL || word_find(WORDS_STATUS, word) < 0) {
        return fail(err, VITLRP_FORMAT, "\"status\" must be \"ok\", \"open\" or a kind of failure");
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_sizes(const json_t *of_class, bool needed,
                                      struct vitlrp_error *err) {
    const json_t *sizes = json_object_get(of_class, "bytes");
    size_t count = json_array_size(sizes);
    bool right = sizes == NULL ? !needed
                               : json_is_array(sizes) &&
                                     count == json_array_size(json_object_get(of_class, "files"));
    for (size_t i = 0; i < count && right; i++) {
        right = json_is_of_kind(json_array_get(sizes, i), JSON_IS_SIZE);
    }
    return right ? VITLRP_OK
                 : fail(err, VITLRP_FORMAT,
                        "\"bytes\" must be a list of sizes, one for each of \"files\"");
}

static enum vitlrp_status check_class(const json_t *of_class, bool sized, unsigned state,
                                      struct vitlrp_error *err) {
    TRY(json_check_members(of_class, OF_CLASS, COUNT(OF_CLASS), state, err));
    return check_sizes(of_class, sized && state == DONE, err);
}

enum vitlrp_status batch_line_check(const json_t *line, struct vitlrp_error *err) {
    bool sized = false;
    unsigned state = SOME;
    TRY(check_format(line, &sized, err));
    TRY(check_state(line, &state, err));
    TRY(json_check_members(line, OF_LINE, COUNT(OF_LINE), state, err));
    TRY(check_class(line, sized, state, err));
    const json_t *further = json_object_get(line, "further");
    for (size_t i = 0; i < json_array_size(further); i++) {
        char place[32];
        snprintf(place, sizeof place, "further[%zu]", i);
        enum vitlrp_status status = check_class(json_array_get(further, i), sized, DONE, err);
        TRY(error_prefix(err, status, place));
    }
    return VITLRP_OK;
}
