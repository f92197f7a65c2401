/* SentencePiece's files and tokenizer.json, written for tests: good ones, and whatever else is
 * asked for. */
#ifndef TESTS_PIECE_FILES_H
#define TESTS_PIECE_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* Fields of a protocol buffer message, appended. */
void proto_number(struct text *out, uint32_t field, uint64_t value);
void proto_float(struct text *out, uint32_t field, float value);
void proto_bytes(struct text *out, uint32_t field, const void *data, size_t size);

/* A piece of a ModelProto. */
void proto_piece(struct text *model, const char *bytes, float score, uint64_t type);

/* "<pad>" 0, "</s>" 1, "<unk>" 2 and a few letters and words with U+2581. */
void proto_pieces(struct text *model);

/* The trainer's part: its model type, and the ids of proto_pieces. */
void proto_trainer(struct text *model, uint64_t type);

/* The normaliser's part. */
void proto_normalizer(struct text *model, const void *charsmap, size_t size);

/* A tokenizer.json of Gemma's kind and size: 4 special pieces, 256 of bytes and `pieces` in all,
 * each of three characters joined in both ways; with the blanks that tokenizers writes. */
void json_of_gemma_size(struct text *out, size_t pieces);

#endif
