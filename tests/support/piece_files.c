#include "support/piece_files.h"

#include <string.h>

#include "base/little_endian.h"

#define LETTERS ((size_t) 64)

static void put_varint(struct text *out, uint64_t value) {
    do {
        char byte = (char) ((value & 0x7F) | (value > 0x7F ? 0x80 : 0));
        text_append(out, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

void proto_number(struct text *out, uint32_t field, uint64_t value) {
    put_varint(out, (uint64_t) field << 3);
    put_varint(out, value);
}

void proto_float(struct text *out, uint32_t field, float value) {
    char bytes[sizeof value];
    little_endian_copy(bytes, &value, sizeof value, 1);
    put_varint(out, (uint64_t) field << 3 | 5);
    text_append(out, bytes, sizeof bytes);
}

void proto_bytes(struct text *out, uint32_t field, const void *data, size_t size) {
    put_varint(out, (uint64_t) field << 3 | 2);
    put_varint(out, size);
    text_append(out, data, size);
}

void proto_piece(struct text *model, const char *bytes, float score, uint64_t type) {
    struct text piece = {.limit = 1 << 20};
    proto_bytes(&piece, 1, bytes, strlen(bytes));
    proto_float(&piece, 2, score);
    proto_number(&piece, 3, type);
    proto_bytes(model, 1, piece.data, piece.length);
    text_free(&piece);
}

void proto_pieces(struct text *model) {
    static const char *const TEXTS[] = {"\xE2\x96\x81",     "a",  "b", "c", "ab",
                                        "\xE2\x96\x81\x61", "abc"};
    proto_piece(model, "<pad>", 0.0F, 3);
    proto_piece(model, "</s>", 0.0F, 3);
    proto_piece(model, "<unk>", 0.0F, 2);
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        proto_piece(model, TEXTS[i], -1.0F - (float) i, 1);
    }
}

void proto_trainer(struct text *model, uint64_t type) {
    struct text trainer = {.limit = 1000};
    proto_number(&trainer, 3, type);
    proto_number(&trainer, 40, 2);
    proto_number(&trainer, 41, UINT64_MAX); /* -1 */
    proto_number(&trainer, 42, 1);
    proto_number(&trainer, 43, 0);
    proto_bytes(model, 2, trainer.data, trainer.length);
    text_free(&trainer);
}

void proto_normalizer(struct text *model, const void *charsmap, size_t size) {
    struct text normalizer = {.limit = 1 << 24};
    proto_bytes(&normalizer, 2, charsmap, size);
    proto_bytes(model, 3, normalizer.data, normalizer.length);
    text_free(&normalizer);
}

/* Letters, digits and two more. */
static char letter(size_t number) {
    return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."[number % LETTERS];
}

static void put_vocabulary(struct text *out, size_t pieces) {
    size_t id = 0;
    static const char *const SPECIAL[] = {"<pad>", "<eos>", "<bos>", "<unk>"};
    for (size_t i = 0; i < 4; i++) {
        text_printf(out, "%s      \"%s\": %zu", i == 0 ? "" : ",\n", SPECIAL[i], id++);
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        text_printf(out, ",\n      \"<0x%02X>\": %zu", byte, id++);
    }
    for (size_t i = 0; i < LETTERS; i++) {
        text_printf(out, ",\n      \"%c\": %zu", letter(i), id++);
    }
    for (size_t i = 0; i < LETTERS * LETTERS; i++) {
        text_printf(out, ",\n      \"%c%c\": %zu", letter(i / LETTERS), letter(i), id++);
    }
    for (size_t i = 0; id < pieces; i++) {
        text_printf(out, ",\n      \"%c%c%c\": %zu", letter(i / LETTERS / LETTERS),
                    letter(i / LETTERS), letter(i), id++);
    }
}

static void put_merges(struct text *out, size_t triples) {
    static const char FORM[] = "%s      [\n        \"%s\",\n        \"%s\"\n      ]";
    for (size_t i = 0; i < LETTERS * LETTERS; i++) {
        char left[2] = {letter(i / LETTERS)};
        char right[2] = {letter(i)};
        text_printf(out, FORM, i == 0 ? "" : ",\n", left, right);
    }
    for (size_t i = 0; i < triples; i++) {
        char all[4] = {letter(i / LETTERS / LETTERS), letter(i / LETTERS), letter(i)};
        char left[3] = {all[0], all[1]};
        char first[2] = {all[0]};
        text_printf(out, FORM, ",\n", left, all + 2);
        text_printf(out, FORM, ",\n", first, all + 1);
    }
}

void json_of_gemma_size(struct text *out, size_t pieces) {
    text_append_string(
        out, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n"
             "  \"added_tokens\": [\n    {\"id\": 0, \"content\": \"<pad>\", \"special\": true},\n"
             "    {\"id\": 1, \"content\": \"<eos>\", \"special\": true},\n"
             "    {\"id\": 260, \"content\": \"a\", \"special\": false, \"normalized\": false}\n"
             "  ],\n  \"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"},"
             " \"content\": \"\xE2\x96\x81\"},\n  \"pre_tokenizer\": null,\n"
             "  \"post_processor\": null,\n  \"decoder\": null,\n  \"model\": {\n"
             "    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": \"<unk>\",\n"
             "    \"fuse_unk\": true,\n    \"byte_fallback\": true,\n    \"vocab\": {\n");
    put_vocabulary(out, pieces);
    text_append_string(out, "\n    },\n    \"merges\": [\n");
    put_merges(out, pieces - 260 - LETTERS - LETTERS * LETTERS);
    text_append_string(out, "\n    ]\n  }\n}\n");
}
