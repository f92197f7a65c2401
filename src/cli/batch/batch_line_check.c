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
    {"label_name", JSON_IS_TEXT, SOME},
    {"predicted", JSON_IS_INDEX, SOME},
    {"predicted_name", JSON_IS_TEXT, SOME},
    {"predicted_probability", JSON_IS_CHANCE, SOME},
    {"changed", JSON_IS_TRUE, SOME},
};

static const struct json_member OF_CLASS[] = {
    {"class", JSON_IS_INDEX, DONE},   {"wnid", JSON_IS_TEXT, DONE},
    {"name", JSON_IS_TEXT, DONE},     {"probability", JSON_IS_CHANCE, DONE},
    {"logit", JSON_IS_NUMBER, DONE},  {"relevance_sum", JSON_IS_NUMBER, DONE},
    {"files", JSON_IS_NAMES, DONE},   {"thumbnails", JSON_IS_NAMES, SOME},
    {"coarse", JSON_IS_OBJECT, SOME}, {"before", JSON_IS_OBJECT, SOME},
};

static const struct json_member OF_COARSE[] = {
    {"rows", JSON_IS_INDEX, ALL},
    {"columns", JSON_IS_INDEX, ALL},
    {"percent", JSON_IS_LIST, ALL},
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

/* A list of names, and the list of the sizes of these files. */
static enum vitlrp_status check_sizes(const json_t *of_class, const char *names, const char *sizes,
                                      bool needed, struct vitlrp_error *err) {
    const json_t *list = json_object_get(of_class, sizes);
    size_t count = json_array_size(list);
    bool right = list == NULL ? !needed
                              : json_is_array(list) &&
                                    count == json_array_size(json_object_get(of_class, names));
    for (size_t i = 0; i < count && right; i++) {
        right = json_is_of_kind(json_array_get(list, i), JSON_IS_SIZE);
    }
    return right ? VITLRP_OK
                 : fail(err, VITLRP_FORMAT,
                        "\"%s\" must be a list of sizes, one for each of \"%s\"", sizes, names);
}

/* A map in few numbers, -100 to 100 each. */
static enum vitlrp_status check_coarse(const json_t *coarse, struct vitlrp_error *err) {
    if (coarse == NULL) {
        return VITLRP_OK;
    }
    TRY(json_check_members(coarse, OF_COARSE, COUNT(OF_COARSE), ALL, err));
    const json_t *percent = json_object_get(coarse, "percent");
    json_int_t rows = json_integer_value(json_object_get(coarse, "rows"));
    json_int_t columns = json_integer_value(json_object_get(coarse, "columns"));
    bool right = rows >= 1 && rows <= BATCH_COARSE && columns >= 1 && columns <= BATCH_COARSE &&
                 json_array_size(percent) == (size_t) (rows * columns);
    for (size_t i = 0; i < json_array_size(percent) && right; i++) {
        const json_t *value = json_array_get(percent, i);
        right = json_is_integer(value) && json_integer_value(value) >= -100 &&
                json_integer_value(value) <= 100;
    }
    return right
               ? VITLRP_OK
               : fail(err, VITLRP_FORMAT,
                      "\"coarse\" must have %d rows and columns at most, and a percentage for each "
                      "cell",
                      BATCH_COARSE);
}

static enum vitlrp_status check_class(const json_t *of_class, bool sized, unsigned state,
                                      struct vitlrp_error *err) {
    bool has_thumbnails = json_object_get(of_class, "thumbnails") != NULL;
    TRY(json_check_members(of_class, OF_CLASS, COUNT(OF_CLASS), state, err));
    TRY(check_sizes(of_class, "files", "bytes", sized && state == DONE, err));
    TRY(check_sizes(of_class, "thumbnails", "thumbnail_bytes", has_thumbnails, err));
    return check_coarse(json_object_get(of_class, "coarse"), err);
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
