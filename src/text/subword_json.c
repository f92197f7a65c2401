/* tokenizer.json of Hugging Face's tokenizers with a model of type Unigram (T5's, SigLIP's), or of
 * type BPE that falls back to bytes (Gemma's, SigLIP 2's). Gemma's has 34 MB: the vocabulary and
 * the merges are read in place, from front to back; only what stands beside them is built.
 *
 * SigLIP pads with its end, SigLIP 2 with "<pad>", unless the file states it. */
#include "text/subword_json.h"

#include <string.h>

#include "base/json_build.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/text.h"
#include "text/kind.h"

/* Bytes of what is built of one member beside the model: 6,000 added tokens take 8 MB. */
#define MAX_MEMBER_MEMORY ((size_t) 64 << 20)

static void close_model(void *state) {
    struct subword_json *model = state;
    if (model != NULL) {
        subwords_free(&model->subwords);
        pipeline_free(&model->pipeline);
        pieces_free(&model->added);
        piece_index_free(&model->special);
        piece_index_free(&model->plain);
        mem_free(model);
    }
}

static struct json_span file_span(const struct tokenizer_source *source) {
    return (struct json_span){source->file->data, source->file->size};
}

static bool is_true(struct json_span span) {
    return span.size == 4 && memcmp(span.bytes, "true", 4) == 0;
}

static bool recognizes(const struct tokenizer_source *source) {
    struct json_span none = {0};
    struct json_span model = source->is_json ? json_walk_find(file_span(source), "model") : none;
    struct json_span type = json_walk_find(model, "type");
    if (!json_span_is(type, "BPE")) {
        return json_span_is(type, "Unigram");
    }
    struct json_span suffix = json_walk_find(model, "end_of_word_suffix");
    bool has_suffix = suffix.size > 2 && suffix.bytes[0] == '"';
    return is_true(json_walk_find(model, "byte_fallback")) && !has_suffix;
}

static enum vitlrp_status check_grammar(struct json_span file, struct vitlrp_error *err) {
    struct json_cost cost;
    switch (json_scan(file.bytes, file.size, &cost)) {
    case JSON_TOO_DEEP:
        return fail(err, VITLRP_LIMIT, "tokenizer.json nests deeper than %d", JSON_MAX_DEPTH);
    case JSON_MALFORMED:
        return json_fail_at(file.bytes, cost.stopped, "it ends, or goes on otherwise, here", err);
    default:
        return VITLRP_OK;
    }
}

/* The value of a member, owned; NULL for one that is null or not there. */
static enum vitlrp_status build(struct json_span span, json_t **out, struct vitlrp_error *err) {
    struct json_cost cost;
    *out = NULL;
    if (span.bytes == NULL || (span.size == 4 && memcmp(span.bytes, "null", 4) == 0)) {
        return VITLRP_OK;
    }
    if (json_scan(span.bytes, span.size, &cost) != JSON_WELL_FORMED) {
        return fail(err, VITLRP_FORMAT, "tokenizer.json: a member is neither object nor list");
    }
    if (cost.memory > MAX_MEMBER_MEMORY) {
        return fail(err, VITLRP_LIMIT,
                    "tokenizer.json: a member could take %zu bytes of memory, at most %zu",
                    cost.memory, MAX_MEMBER_MEMORY);
    }
    return json_build(span.bytes, span.size, &cost, out, err);
}

static enum vitlrp_status read_pipeline(struct subword_json *model, const json_t *value,
                                        struct vitlrp_error *err) {
    return pipeline_read(&model->pipeline, value, err);
}

/* Builds a member for a reader. */
static enum vitlrp_status read_member(struct subword_json *model, struct json_span span,
                                      enum vitlrp_status (*read)(struct subword_json *model,
                                                                 const json_t *value,
                                                                 struct vitlrp_error *err),
                                      struct vitlrp_error *err) {
    json_t *value;
    TRY(build(span, &value, err));
    enum vitlrp_status status = read(model, value, err);
    json_decref(value);
    return status;
}

static enum vitlrp_status read_model(struct subword_json *model,
                                     const struct subword_members *members,
                                     struct vitlrp_error *err) {
    struct subwords *subwords = &model->subwords;
    TRY(subword_read_vocabulary(model, members, err));
    TRY(read_member(model, members->added_tokens, subword_read_added, err));
    TRY(piece_index_build(&subwords->pieces, 1U << PIECE_NORMAL, &subwords->known, err));
    if (is_true(members->has_bytes)) {
        TRY(subwords_find_bytes(subwords, err));
    }
    if (subwords->model == SUBWORD_BPE_RANKS) {
        TRY(subword_read_merges(model, members->merges, err));
    }
    TRY(read_member(model, members->normalizer, read_pipeline, err));
    TRY(read_member(model, members->pre_tokenizer, read_pipeline, err));
    TRY(read_member(model, members->post_processor, subword_read_around, err));
    TRY(read_member(model, members->truncation, subword_read_truncation, err));
    return read_member(model, members->padding, subword_read_padding, err);
}

static void describe(const struct subword_json *model, struct tokenizer_info *info) {
    const struct subwords *subwords = &model->subwords;
    info->vocabulary = (int32_t) subwords->pieces.count;
    info->start = model->start;
    info->end = model->end;
    info->padding = model->padding;
    info->unknown = subwords->has_bytes ? -1 : subwords->unknown;
    info->added = model->added_count;
    info->merges = subwords->merge_count;
}

static enum vitlrp_status open_model(const struct tokenizer_source *source, void **state,
                                     struct tokenizer_info *info, struct vitlrp_error *err) {
    struct subword_members members;
    TRY(check_grammar(file_span(source), err));
    TRY(subword_find_members(file_span(source), &members, err));
    struct subword_json *model = mem_calloc(1, sizeof *model);
    if (model == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a tokenizer");
    }
    model->start = model->end = model->padding = -1;
    enum vitlrp_status status = read_model(model, &members, err);
    if (status != VITLRP_OK) {
        close_model(model);
        return status;
    }
    describe(model, info);
    *state = model;
    return VITLRP_OK;
}

/* What lies between added tokens: each such part goes through the pipeline alone. */
static enum vitlrp_status encode_between(const struct subword_json *model,
                                         const struct tokenize_text *text, size_t begin, size_t end,
                                         struct tokens *out, struct vitlrp_error *err) {
    struct divided divided = {0};
    enum vitlrp_status status =
        pipeline_run(&model->pipeline, text->bytes, begin, end, &divided, err);
    for (size_t i = 0; status == VITLRP_OK && i < divided.count; i++) {
        status = subwords_encode(&model->subwords, &divided.text, divided.parts[i].begin,
                                 divided.parts[i].end, out, err);
    }
    divided_free(&divided);
    return status;
}

static enum vitlrp_status append_added(const struct tokenize_text *text, size_t begin, size_t end,
                                       int32_t id, struct tokens *out, struct vitlrp_error *err) {
    struct aligned original = aligned_for(end - begin);
    enum vitlrp_status status = aligned_original(&original, text->bytes, begin, end, err);
    if (status == VITLRP_OK) {
        status = subwords_append(&original, 0, original.length, id, out, err);
    }
    aligned_free(&original);
    return status;
}

static enum vitlrp_status encode(const void *state, const struct tokenize_text *text,
                                 struct tokens *out, struct vitlrp_error *err) {
    const struct subword_json *model = state;
    size_t begin = 0;
    TRY(subwords_refuse(&model->special, text->bytes, text->length, err));
    for (size_t at = 0; at < text->length;) {
        int32_t id;
        size_t length =
            piece_index_longest(&model->plain, text->bytes + at, text->length - at, &id);
        if (length == 0) {
            at++;
            continue;
        }
        TRY(encode_between(model, text, begin, at, out, err));
        TRY(append_added(text, at, at + length, id, out, err));
        at += length;
        begin = at;
    }
    return encode_between(model, text, begin, text->length, out, err);
}

static void token_text(const void *state, int32_t id, struct text *out) {
    const struct subword_json *model = state;
    const struct pieces *pieces = &model->subwords.pieces;
    if (pieces->items[id].type != PIECE_NONE) {
        text_append(out, piece_text(pieces, (size_t) id), pieces->items[id].length);
    }
}

const struct tokenizer_kind TOKENIZER_SUBWORD_JSON = {"tokenizer.json", recognizes, open_model,
                                                      encode,           token_text, close_model};
