#include "text/clean.h"

#include "text/clean_steps.h"
#include "text/unicode.h"

static const struct {
    const char *name;
    enum vitlrp_status (*function)(const char *bytes, size_t length, struct text *out,
                                   struct vitlrp_error *err);
} CLEANINGS[] = {
#define TEXT_CLEANING(constant, name, function) {name, function},
#include "text/cleanings.def"
#undef TEXT_CLEANING
};

const char *text_cleaning_name(enum text_cleaning cleaning) {
    return (size_t) cleaning < TEXT_CLEANINGS ? CLEANINGS[cleaning].name : NULL;
}

enum vitlrp_status text_clean(enum text_cleaning cleaning, const char *bytes, size_t length,
                              struct text *out, struct vitlrp_error *err) {
    if ((size_t) cleaning >= TEXT_CLEANINGS) {
        return fail(err, VITLRP_USAGE, "no such cleaning of texts: %d", (int) cleaning);
    }
    if (!text_is_utf8(bytes, length)) {
        return fail(err, VITLRP_USAGE, "a text is not UTF-8: convert it");
    }
    TRY(CLEANINGS[cleaning].function(bytes, length, out, err));
    return text_check(out, "a cleaned text", err);
}

enum vitlrp_status clean_none(const char *bytes, size_t length, struct text *out,
                              struct vitlrp_error *err) {
    (void) err;
    text_append(out, bytes, length);
    return VITLRP_OK;
}

/* Spaces and lower case, the end of both: as Python has them, for which blanks at the ends go and a
 * sigma at a word's end has a form of its own, or as Rust. */
static enum vitlrp_status space_and_lower(struct text *made, bool as_python, struct text *out,
                                          struct vitlrp_error *err) {
    struct text spaced = {.limit = out->limit};
    enum vitlrp_status status = text_check(made, "a cleaned text", err);
    if (status == VITLRP_OK) {
        spaces_append(made->data, made->length, as_python, &spaced);
        status = text_check(&spaced, "a cleaned text", err);
    }
    if (status == VITLRP_OK) {
        lower_append(spaced.data, spaced.length, as_python, out);
    }
    text_free(&spaced);
    return status;
}

enum vitlrp_status clean_nfc(const char *bytes, size_t length, struct text *out,
                             struct vitlrp_error *err) {
    struct text composed = {.limit = out->limit};
    enum vitlrp_status status = nfc_append(bytes, length, &composed, err);
    if (status == VITLRP_OK) {
        status = space_and_lower(&composed, false, out, err);
    }
    text_free(&composed);
    return status;
}

enum vitlrp_status clean_full(const char *bytes, size_t length, struct text *out,
                              struct vitlrp_error *err) {
    struct text basic = {.limit = out->limit};
    enum vitlrp_status status = clean_basic(bytes, length, &basic, err);
    if (status == VITLRP_OK) {
        status = space_and_lower(&basic, true, out, err);
    }
    text_free(&basic);
    return status;
}
