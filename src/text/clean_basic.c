/* ftfy 6.3's fix_text without its repair of mojibake and of terminal escapes, line by line, each
 * until nothing changes; then html.unescape, twice. */
#include <string.h>

#include "text/clean_steps.h"
#include "text/html_entity.h"
#include "text/unicode.h"
#include "text/windows_1252.h"

/* Entities within entities; each takes a pass over the line. */
#define MAX_PASSES 32

/* Latin letters that are two or three in one. */
static const struct {
    uint16_t code;
    uint16_t letters[3];
} LIGATURES[] = {
    {0x132, {'I', 'J'}},       {0x133, {'i', 'j'}},       {0x149, {0x2BC, 'n'}},
    {0x1C4, {'D', 0x17D}},     {0x1C5, {'D', 0x17E}},     {0x1C6, {'d', 0x17E}},
    {0x1C7, {'L', 'J'}},       {0x1C8, {'L', 'j'}},       {0x1C9, {'l', 'j'}},
    {0x1CA, {'N', 'J'}},       {0x1CB, {'N', 'j'}},       {0x1CC, {'n', 'j'}},
    {0x1F1, {'D', 'Z'}},       {0x1F2, {'D', 'z'}},       {0x1F3, {'d', 'z'}},
    {0xFB00, {'f', 'f'}},      {0xFB01, {'f', 'i'}},      {0xFB02, {'f', 'l'}},
    {0xFB03, {'f', 'f', 'i'}}, {0xFB04, {'f', 'f', 'l'}}, {0xFB05, {0x17F, 't'}},
    {0xFB06, {'s', 't'}},
};

static bool is_removed(int32_t code) {
    return code <= 0x08 || code == 0x0B || (code >= 0x0E && code <= 0x1F) || code == 0x7F ||
           (code >= 0x206A && code <= 0x206F) || code == 0xFEFF ||
           (code >= 0xFFF9 && code <= 0xFFFC);
}

/* Quotes straight, ends of lines as LF, no controls. */
static void append_plain(int32_t code, struct text *out) {
    if (code == 0x2BC || (code >= 0x2018 && code <= 0x201B)) {
        code = '\'';
    } else if (code >= 0x201C && code <= 0x201F) {
        code = '"';
    } else if (code == '\r' || code == 0x85 || code == 0x2028 || code == 0x2029) {
        code = '\n';
    }
    if (!is_removed(code)) {
        character_append(out, code);
    }
}

/* Full and half width become the usual one. */
static void append_width(int32_t code, struct text *out) {
    if (code == 0x3000) {
        code = ' ';
    }
    if (code < 0xFF01 || code > 0xFFEE) {
        append_plain(code, out);
        return;
    }
    int32_t codes[18];
    size_t count = character_compatible(code, codes);
    for (size_t i = 0; i < count; i++) {
        append_plain(codes[i], out);
    }
}

static void append_fixed(int32_t code, struct text *out) {
    for (size_t i = 0; i < sizeof LIGATURES / sizeof *LIGATURES; i++) {
        if (LIGATURES[i].code == code) {
            for (size_t k = 0; k < 3 && LIGATURES[i].letters[k] != 0; k++) {
                append_width(LIGATURES[i].letters[k], out);
            }
            return;
        }
    }
    append_width(code >= 0x80 && code <= 0x9F ? windows_1252(code) : code, out);
}

static void fix_characters(const char *bytes, size_t length, struct text *out) {
    for (size_t i = 0; i < length;) {
        int32_t code;
        i += character_next(bytes + i, length - i, &code);
        if (code >= 0x20 && code < 0x7F) {
            text_append(out, bytes + i - 1, 1);
        } else if (code != '\r' || i == length || bytes[i] != '\n') { /* CRLF: the LF alone */
            append_fixed(code, out);
        }
    }
}

static bool has_equal(const struct text *a, const struct text *b) {
    return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* A line on its way, so that lines share memory. */
struct line {
    struct text now, unescaped, fixed, composed;
};

static void line_free(struct line *line) {
    text_free(&line->now);
    text_free(&line->unescaped);
    text_free(&line->fixed);
    text_free(&line->composed);
}

/* The line of line->now after a pass, in line->composed. */
static enum vitlrp_status run_pass(struct line *line, bool unescapes, struct vitlrp_error *err) {
    const struct text *from = &line->now;
    if (unescapes) {
        line->unescaped.length = 0;
        html_unescape_strictly(from->data, from->length, &line->unescaped);
        TRY(text_check(&line->unescaped, "a cleaned text", err));
        from = &line->unescaped;
    }
    line->fixed.length = 0;
    line->composed.length = 0;
    fix_characters(from->data, from->length, &line->fixed);
    TRY(text_check(&line->fixed, "a cleaned text", err));
    TRY(nfc_append(line->fixed.data, line->fixed.length, &line->composed, err));
    return text_check(&line->composed, "a cleaned text", err);
}

static enum vitlrp_status fix_line(const char *bytes, size_t length, bool unescapes,
                                   struct line *line, struct vitlrp_error *err) {
    line->now.length = 0;
    text_append(&line->now, bytes, length);
    TRY(text_check(&line->now, "a cleaned text", err));
    for (size_t pass = 0; pass < MAX_PASSES; pass++) {
        TRY(run_pass(line, unescapes, err));
        bool is_done = has_equal(&line->now, &line->composed);
        struct text before = line->now;
        line->now = line->composed;
        line->composed = before;
        if (is_done) {
            return VITLRP_OK;
        }
    }
    return fail(err, VITLRP_LIMIT,
                "a text has HTML entities within entities: at most %d deep are resolved",
                MAX_PASSES);
}

/* A line with "<" ends the unescaping: from there on the text is taken to be HTML itself. */
static enum vitlrp_status fix_lines(const char *bytes, size_t length, struct line *line,
                                    struct text *out, struct vitlrp_error *err) {
    bool unescapes = true;
    for (size_t i = 0; i < length;) {
        const char *end = memchr(bytes + i, '\n', length - i);
        size_t size = end == NULL ? length - i : (size_t) (end - bytes) - i + 1;
        unescapes = unescapes && memchr(bytes + i, '<', size) == NULL;
        TRY(fix_line(bytes + i, size, unescapes, line, err));
        text_append(out, line->now.data, line->now.length);
        i += size;
    }
    return text_check(out, "a cleaned text", err);
}

enum vitlrp_status clean_basic(const char *bytes, size_t length, struct text *out,
                               struct vitlrp_error *err) {
    size_t limit = out->limit;
    struct line line = {{.limit = limit}, {.limit = limit}, {.limit = limit}, {.limit = limit}};
    struct text fixed = {.limit = limit};
    struct text once = {.limit = limit};
    enum vitlrp_status status = fix_lines(bytes, length, &line, &fixed, err);
    if (status == VITLRP_OK) {
        html_unescape(fixed.data, fixed.length, &once);
        status = text_check(&once, "a cleaned text", err);
    }
    if (status == VITLRP_OK) {
        html_unescape(once.data, once.length, out);
    }
    line_free(&line);
    text_free(&fixed);
    text_free(&once);
    return status;
}
