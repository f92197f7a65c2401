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

enum vitlrp_status clean_nfc(const char *bytes, size_t length, struct text *out,
                             struct vitlrp_error *err) {
    struct text composed = {.limit = out->limit};
    struct text spaced = {.limit = out->limit};
    enum vitlrp_status status = nfc_append(bytes, length, &composed, err);
    if (status == VITLRP_OK) {
        spaces_append(composed.data, composed.length, false, &spaced);
        status = text_check(&composed, "a cleaned text", err);
    }
    if (status == VITLRP_OK) {
        lower_append(spaced.data, spaced.length, false, out);
        status = text_check(&spaced, "a cleaned text", err);
    }
    text_free(&composed);
    text_free(&spaced);
    return status;
}

enum vitlrp_status clean_full(const char *bytes, size_t length, struct text *out,
                              struct vitlrp_error *err) {
    struct text basic = {.limit = out->limit};
    struct text spaced = {.limit = out->limit};
    enum vitlrp_status status = clean_basic(bytes, length, &basic, err);
    if (status == VITLRP_OK) {
        spaces_append(basic.data, basic.length, true, &spaced);
        status = text_check(&basic, "a cleaned text", err);
    }
    if (status == VITLRP_OK) {
        lower_append(spaced.data, spaced.length, true, out);
        status = text_check(&spaced, "a cleaned text", err);
    }
    text_free(&basic);
    text_free(&spaced);
    return status;
}
