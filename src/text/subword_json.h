/* A tokenizer.json with a model of subwords, and the parts of it that are read apart from each
 * other. */
#ifndef TEXT_SUBWORD_JSON_H
#define TEXT_SUBWORD_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "text/json_walk.h"
#include "text/pieces.h"
#include "text/pipeline.h"
#include "text/subwords.h"

struct subword_json {
    struct subwords subwords;
    struct pipeline pipeline;
    struct pieces added; /* by their ids: PIECE_CONTROL for special ones, else PIECE_USER_DEFINED */
    struct piece_index special, plain; /* of these */
    size_t added_count;
    int32_t start, end, padding; /* -1: none */
};

/* The file's members, and the model's. */
struct subword_members {
    struct json_span added_tokens, normalizer, pre_tokenizer, post_processor, padding, truncation,
        model;
    struct json_span type, vocab, merges, unknown_id, has_bytes;
};

/* Where the members lie. FORMAT for one that is there twice; UNSUPPORTED for one that is not known,
 * and for a setting of the model that would change ids. The text is JSON. */
enum vitlrp_status subword_find_members(struct json_span file, struct subword_members *out,
                                        struct vitlrp_error *err);

/* Pieces with their scores or ids; their types are PIECE_NORMAL. */
enum vitlrp_status subword_read_vocabulary(struct subword_json *model,
                                           const struct subword_members *members,
                                           struct vitlrp_error *err);

/* The merges, once the pieces have their index. */
enum vitlrp_status subword_read_merges(struct subword_json *model, struct json_span merges,
                                       struct vitlrp_error *err);

/* Tokens beside the vocabulary, and those of it that are special. */
enum vitlrp_status subword_read_added(struct subword_json *model, const json_t *tokens,
                                      struct vitlrp_error *err);

/* What is put around a text (of a "post_processor") and behind it ("padding"); NULL: none is
 * stated. */
enum vitlrp_status subword_read_around(struct subword_json *model, const json_t *post_processor,
                                       struct vitlrp_error *err);
enum vitlrp_status subword_read_padding(struct subword_json *model, const json_t *padding,
                                        struct vitlrp_error *err);

/* UNSUPPORTED for texts that are cut in front; how long they may be, a model says. */
enum vitlrp_status subword_read_truncation(struct subword_json *model, const json_t *truncation,
                                           struct vitlrp_error *err);

#endif
