#include "text/pipeline.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/text.h"
#include "text/pieces.h"
#include "text/unicode.h"

#define FIRST_PARTS ((size_t) 16)

/* tokenizers replaces a whole grapheme cluster of fewer bytes, else each of its characters. */
#define CLUSTER_BYTES ((size_t) 6)

void divided_free(struct divided *divided) {
    aligned_free(&divided->text);
    mem_free(divided->parts);
    *divided = (struct divided){0};
}

/* Empty ones are dropped. */
static enum vitlrp_status add_part(struct divided *to, size_t begin, size_t end,
                                   struct vitlrp_error *err) {
    if (begin == end) {
        return VITLRP_OK;
    }
    if (to->count == to->capacity) {
        size_t capacity = size_max(2 * to->capacity, FIRST_PARTS);
        struct part *parts = mem_resize(to->parts, capacity, sizeof *parts);
        if (parts == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for a text of %zu parts", capacity);
        }
        to->parts = parts;
        to->capacity = capacity;
    }
    to->parts[to->count++] = (struct part){begin, end};
    return VITLRP_OK;
}

/* What every step is given: one part of `from`, to append to `to`. */
struct work {
    const struct pipeline *pipeline;
    const struct pipeline_step *step;
    const struct aligned *from;
    size_t begin, end;
    struct divided *to;
};

static size_t character_at(const struct work *work, size_t at, int32_t *code) {
    return character_next(work->from->data + at, work->end - at, code);
}

static enum vitlrp_status copy(const struct work *work, size_t begin, size_t end,
                               struct vitlrp_error *err) {
    return aligned_copy(&work->to->text, work->from, begin, end - begin, err);
}

static enum vitlrp_status put(const struct work *work, const char *bytes, size_t length,
                              struct origin origin, struct vitlrp_error *err) {
    return aligned_append(&work->to->text, bytes, length, origin, err);
}

/* [at, end) by its replacement; as it is without one. */
static enum vitlrp_status put_mapped(const struct work *work, size_t at, size_t end,
                                     bool *is_mapped, struct vitlrp_error *err) {
    const char *replacement;
    *is_mapped = charsmap_find(&work->pipeline->charsmap, work->from->data + at, end - at,
                               CHARSMAP_SHORTEST, &replacement) > 0;
    if (!*is_mapped) {
        return VITLRP_OK;
    }
    struct origin origin = aligned_origin(work->from, at, end - at);
    return put(work, replacement, strlen(replacement), origin, err);
}

static enum vitlrp_status map_characters(const struct work *work, size_t at, size_t end,
                                         struct vitlrp_error *err) {
    while (at < end) {
        int32_t code;
        size_t length = character_at(work, at, &code);
        bool is_mapped;
        TRY(put_mapped(work, at, at + length, &is_mapped, err));
        if (!is_mapped) {
            TRY(copy(work, at, at + length, err));
        }
        at += length;
    }
    return VITLRP_OK;
}

/* tokenizers' Precompiled takes the shortest entry that a cluster or a character begins with for
 * all of it, unlike SentencePiece. */
static enum vitlrp_status run_precompiled(const struct work *work, struct vitlrp_error *err) {
    for (size_t at = work->begin; at < work->end;) {
        size_t length = grapheme_length(work->from->data + at, work->end - at);
        bool is_mapped = false;
        if (length < CLUSTER_BYTES) {
            TRY(put_mapped(work, at, at + length, &is_mapped, err));
        }
        if (!is_mapped) {
            TRY(map_characters(work, at, at + length, err));
        }
        at += length;
    }
    return VITLRP_OK;
}

static enum vitlrp_status run_lowercase(const struct work *work, struct vitlrp_error *err) {
    struct text lower = {.limit = 64};
    enum vitlrp_status status = VITLRP_OK;
    for (size_t at = work->begin; at < work->end && status == VITLRP_OK;) {
        int32_t code;
        size_t length = character_at(work, at, &code);
        lower.length = 0;
        lower_append(work->from->data + at, length, false, &lower);
        status = text_check(&lower, "a character", err);
        if (status == VITLRP_OK) {
            status =
                put(work, lower.data, lower.length, aligned_origin(work->from, at, length), err);
        }
        at += length;
    }
    text_free(&lower);
    return status;
}

static bool is_space_at(const struct work *work, size_t at, size_t *length) {
    int32_t code;
    *length = character_at(work, at, &code);
    return character_class(code) == CHARACTER_SPACE;
}

static enum vitlrp_status run_strip(const struct work *work, struct vitlrp_error *err) {
    size_t begin = work->begin;
    size_t length;
    while (work->step->strips_left && begin < work->end && is_space_at(work, begin, &length)) {
        begin += length;
    }
    size_t end = work->step->strips_right ? begin : work->end;
    for (size_t at = begin; at < work->end && work->step->strips_right; at += length) {
        end = is_space_at(work, at, &length) ? end : at + length;
    }
    return copy(work, begin, end, err);
}

static bool has_text(const struct work *work, size_t at, const struct pipeline_text *text) {
    return text->length <= work->end - at &&
           memcmp(work->from->data + at, text->bytes, text->length) == 0;
}

static enum vitlrp_status run_replace(const struct work *work, struct vitlrp_error *err) {
    const struct pipeline_step *step = work->step;
    for (size_t at = work->begin; at < work->end;) {
        if (has_text(work, at, &step->pattern)) {
            struct origin origin = aligned_origin(work->from, at, step->pattern.length);
            TRY(put(work, step->content.bytes, step->content.length, origin, err));
            at += step->pattern.length;
        } else {
            TRY(copy(work, at, at + 1, err));
            at++;
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status run_replace_spaces(const struct work *work, struct vitlrp_error *err) {
    const struct pipeline_text *content = &work->step->content;
    for (size_t at = work->begin; at < work->end;) {
        size_t run = 0;
        while (at + run < work->end && work->from->data[at + run] == ' ') {
            run++;
        }
        if (run >= 2) {
            struct origin origin = aligned_origin(work->from, at, run);
            TRY(put(work, content->bytes, content->length, origin, err));
        } else {
            run = 1;
            TRY(copy(work, at, at + 1, err));
        }
        at += run;
    }
    return VITLRP_OK;
}

/* Where a part begins in the original, of what is put in front of it. */
static struct origin front_of(const struct work *work) {
    uint32_t begin = work->from->origins[work->begin].begin;
    return (struct origin){begin, begin};
}

static enum vitlrp_status run_prepend(const struct work *work, struct vitlrp_error *err) {
    const struct pipeline_text *content = &work->step->content;
    TRY(put(work, content->bytes, content->length, front_of(work), err));
    return copy(work, work->begin, work->end, err);
}

/* Parts of what was appended since `begin`, each beginning with U+2581. */
static enum vitlrp_status split_at_spaces(struct divided *to, size_t begin,
                                          struct vitlrp_error *err) {
    const struct aligned *text = &to->text;
    for (size_t at = begin + 1; at + PIECE_SPACE_BYTES <= text->length; at++) {
        if (memcmp(text->data + at, PIECE_SPACE, PIECE_SPACE_BYTES) == 0) {
            TRY(add_part(to, begin, at, err));
            begin = at;
        }
    }
    return add_part(to, begin, text->length, err);
}

static enum vitlrp_status run_metaspace(const struct work *work, struct vitlrp_error *err) {
    const struct pipeline_step *step = work->step;
    struct divided *to = work->to;
    size_t begin = to->text.length;
    static const struct pipeline_text MARK = {PIECE_SPACE, PIECE_SPACE_BYTES};
    bool is_first = work->from->origins[work->begin].begin == 0;
    bool has_mark = work->from->data[work->begin] == ' ' || has_text(work, work->begin, &MARK);
    if (!has_mark &&
        (step->scheme == METASPACE_ALWAYS || (step->scheme == METASPACE_FIRST && is_first))) {
        TRY(put(work, PIECE_SPACE, PIECE_SPACE_BYTES, front_of(work), err));
    }
    for (size_t at = work->begin; at < work->end; at++) {
        if (work->from->data[at] == ' ') {
            TRY(put(work, PIECE_SPACE, PIECE_SPACE_BYTES, work->from->origins[at], err));
        } else {
            TRY(copy(work, at, at + 1, err));
        }
    }
    return step->splits ? split_at_spaces(to, begin, err)
                        : add_part(to, begin, to->text.length, err);
}

/* Copies a part and makes parts of it. */
static enum vitlrp_status run_whitespace_split(const struct work *work, struct vitlrp_error *err) {
    struct divided *to = work->to;
    size_t shift = to->text.length;
    size_t begin = work->begin;
    size_t length;
    TRY(copy(work, work->begin, work->end, err));
    for (size_t at = work->begin; at < work->end; at += length) {
        if (is_space_at(work, at, &length)) {
            TRY(add_part(to, begin - work->begin + shift, at - work->begin + shift, err));
            begin = at + length;
        }
    }
    return add_part(to, begin - work->begin + shift, to->text.length, err);
}

static enum vitlrp_status run_split(const struct work *work, struct vitlrp_error *err) {
    struct divided *to = work->to;
    size_t shift = to->text.length;
    size_t begin = work->begin;
    TRY(copy(work, work->begin, work->end, err));
    for (size_t at = work->begin; at < work->end;) {
        if (has_text(work, at, &work->step->pattern)) {
            at += work->step->pattern.length;
            TRY(add_part(to, begin - work->begin + shift, at - work->begin + shift, err));
            begin = at;
        } else {
            at++;
        }
    }
    return add_part(to, begin - work->begin + shift, to->text.length, err);
}

/* By pipeline_step's kind; those that make no parts leave one. */
static const struct {
    enum vitlrp_status (*run)(const struct work *work, struct vitlrp_error *err);
    bool makes_parts;
} STEPS[] = {
    [STEP_PRECOMPILED] = {run_precompiled, false},
    [STEP_LOWERCASE] = {run_lowercase, false},
    [STEP_STRIP] = {run_strip, false},
    [STEP_REPLACE] = {run_replace, false},
    [STEP_REPLACE_SPACES] = {run_replace_spaces, false},
    [STEP_PREPEND] = {run_prepend, false},
    [STEP_WHITESPACE_SPLIT] = {run_whitespace_split, true},
    [STEP_METASPACE] = {run_metaspace, true},
    [STEP_SPLIT] = {run_split, true},
};

static enum vitlrp_status run_step(struct work *work, const struct divided *from,
                                   struct vitlrp_error *err) {
    work->from = &from->text;
    for (size_t i = 0; i < from->count; i++) {
        size_t begin = work->to->text.length;
        work->begin = from->parts[i].begin;
        work->end = from->parts[i].end;
        TRY(STEPS[work->step->kind].run(work, err));
        if (!STEPS[work->step->kind].makes_parts) {
            TRY(add_part(work->to, begin, work->to->text.length, err));
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status pipeline_run(const struct pipeline *pipeline, const char *bytes, size_t begin,
                                size_t end, struct divided *out, struct vitlrp_error *err) {
    *out = (struct divided){.text = aligned_for(end - begin)};
    TRY(aligned_original(&out->text, bytes, begin, end, err));
    TRY(add_part(out, 0, out->text.length, err));
    for (size_t i = 0; i < pipeline->count; i++) {
        struct divided next = {.text = aligned_for(end - begin)};
        struct work work = {.pipeline = pipeline, .step = &pipeline->steps[i], .to = &next};
        enum vitlrp_status status = run_step(&work, out, err);
        divided_free(out);
        *out = next;
        TRY(status);
    }
    return VITLRP_OK;
}
