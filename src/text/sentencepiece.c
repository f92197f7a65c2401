/* SentencePiece's own files (spiece.model, tokenizer.model): a ModelProto of pieces, of how they
 * were trained, and of how texts are normalised. Of its model types unigram and BPE are read.
 *
 * SigLIP has the unigram model of T5 and pads with its end; SigLIP 2 has Gemma's BPE, with a piece
 * for padding. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "text/charsmap.h"
#include "text/kind.h"
#include "text/protobuf.h"
#include "text/subwords.h"

/* TrainerSpec's model_type. */
#define TYPE_UNIGRAM 1
#define TYPE_BPE 2

/* ModelProto's fields. */
#define MODEL_PIECES 1
#define MODEL_TRAINER 2
#define MODEL_NORMALIZER 3
#define MODEL_FIELDS 5 /* and tests and a denormaliser, which no id depends on */

struct sentencepiece {
    struct subwords subwords;
    struct charsmap charsmap;
    struct piece_index special; /* what no text may spell */
    bool adds_prefix, removes_spaces, escapes_spaces;

    /* As stated. */
    int64_t type, end, padding;
    int64_t has_bytes, has_space_behind;
};

static void close_model(void *state) {
    struct sentencepiece *model = state;
    if (model != NULL) {
        subwords_free(&model->subwords);
        charsmap_free(&model->charsmap);
        piece_index_free(&model->special);
        mem_free(model);
    }
}

/* What a message does with one of its fields; false for a field of another type. */
typedef bool take_field(struct sentencepiece *model, const struct protobuf_field *field,
                        void *user);

static enum vitlrp_status read_fields(struct sentencepiece *model,
                                      const struct protobuf_field *from, take_field *take,
                                      void *user, struct vitlrp_error *err) {
    struct protobuf message = protobuf_over(from->bytes, from->size);
    struct protobuf_field field;
    bool found;
    for (;;) {
        TRY(protobuf_next(&message, &field, &found, err));
        if (!found) {
            return VITLRP_OK;
        }
        if (!take(model, &field, user)) {
            return fail(err, VITLRP_FORMAT, "a field %u of the model is not of its type",
                        field.number);
        }
    }
}

struct stated_piece {
    const char *bytes;
    size_t size;
    double score;
    int64_t type;
};

static bool take_number(const struct protobuf_field *field, int64_t *out) {
    *out = (int64_t) field->value;
    return field->wire == PROTOBUF_VARINT;
}

static bool take_piece_field(struct sentencepiece *model, const struct protobuf_field *field,
                             void *user) {
    struct stated_piece *piece = user;
    (void) model;
    switch (field->number) {
    case 1:
        piece->bytes = field->bytes;
        piece->size = field->size;
        return field->wire == PROTOBUF_BYTES;
    case 2:
        piece->score = (double) protobuf_float(field);
        return field->wire == PROTOBUF_FIXED32;
    case 3:
        return take_number(field, &piece->type);
    default:
        return true;
    }
}

static enum vitlrp_status read_piece(struct sentencepiece *model, const struct protobuf_field *from,
                                     struct vitlrp_error *err) {
    struct pieces *pieces = &model->subwords.pieces;
    size_t id = pieces->count;
    struct stated_piece stated = {.type = PIECE_NORMAL};
    TRY(read_fields(model, from, take_piece_field, &stated, err));
    if (!isfinite(stated.score)) {
        return fail(err, VITLRP_NUMERIC, "the score of piece %zu is not finite", id);
    }
    if (stated.type < PIECE_NORMAL || stated.type > PIECE_BYTE) {
        return fail(err, VITLRP_FORMAT, "piece %zu is of no type that is known", id);
    }
    TRY(pieces_put(pieces, id, stated.bytes, stated.size, err));
    pieces->items[id].score = stated.score;
    pieces->items[id].type = (enum piece_type) stated.type;
    return VITLRP_OK;
}

/* TrainerSpec: of what made the pieces, what an id depends on. */
static bool take_trainer_field(struct sentencepiece *model, const struct protobuf_field *field,
                               void *user) {
    (void) user;
    switch (field->number) {
    case 3:
        return take_number(field, &model->type);
    case 24:
        return take_number(field, &model->has_space_behind);
    case 35:
        return take_number(field, &model->has_bytes);
    case 42:
        return take_number(field, &model->end);
    case 43:
        return take_number(field, &model->padding);
    default:
        return true;
    }
}

static bool take_flag(const struct protobuf_field *field, bool *out) {
    *out = field->value != 0;
    return field->wire == PROTOBUF_VARINT;
}

static bool take_normalizer_field(struct sentencepiece *model, const struct protobuf_field *field,
                                  void *user) {
    struct protobuf_field *charsmap = user;
    switch (field->number) {
    case 2:
        *charsmap = *field;
        return field->wire == PROTOBUF_BYTES;
    case 3:
        return take_flag(field, &model->adds_prefix);
    case 4:
        return take_flag(field, &model->removes_spaces);
    case 5:
        return take_flag(field, &model->escapes_spaces);
    default:
        return true;
    }
}

static enum vitlrp_status read_normalizer(struct sentencepiece *model,
                                          const struct protobuf_field *from,
                                          struct vitlrp_error *err) {
    struct protobuf_field charsmap = {0};
    TRY(read_fields(model, from, take_normalizer_field, &charsmap, err));
    charsmap_free(&model->charsmap);
    return charsmap_read(charsmap.bytes, charsmap.size, &model->charsmap, err);
}

static enum vitlrp_status read_model(struct sentencepiece *model, const void *data, size_t size,
                                     struct vitlrp_error *err) {
    struct protobuf message = protobuf_over(data, size);
    struct protobuf_field field;
    bool found;
    for (;;) {
        TRY(protobuf_next(&message, &field, &found, err));
        if (!found) {
            return VITLRP_OK;
        }
        if (field.wire != PROTOBUF_BYTES || field.number > MODEL_FIELDS) {
            return fail(err, VITLRP_UNSUPPORTED, "field %u of the model is none of SentencePiece's",
                        field.number);
        }
        if (field.number == MODEL_PIECES) {
            TRY(read_piece(model, &field, err));
        } else if (field.number == MODEL_TRAINER) {
            TRY(read_fields(model, &field, take_trainer_field, NULL, err));
        } else if (field.number == MODEL_NORMALIZER) {
            TRY(read_normalizer(model, &field, err));
        }
    }
}

/* Pieces that are never found by their text, and single characters among them, which SentencePiece
 * finds nevertheless. */
static bool is_reserved(enum piece_type type) {
    return type == PIECE_UNKNOWN || type == PIECE_CONTROL || type == PIECE_BYTE;
}

static enum vitlrp_status look_at_pieces(struct sentencepiece *model, struct vitlrp_error *err) {
    struct subwords *subwords = &model->subwords;
    bool has_normal = false;
    subwords->unknown = -1;
    for (size_t id = 0; id < subwords->pieces.count; id++) {
        const struct piece *piece = &subwords->pieces.items[id];
        const char *text = piece_text(&subwords->pieces, id);
        if ((piece->type == PIECE_UNKNOWN && subwords->unknown >= 0) ||
            (piece->type == PIECE_BYTE && model->has_bytes == 0)) {
            return fail(err, VITLRP_FORMAT, "piece %zu is a second unknown one, or an unused byte",
                        id);
        }
        if ((is_reserved(piece->type) && text_utf8_length(text, piece->length) == piece->length) ||
            (piece->type == PIECE_UNUSED && model->type == TYPE_BPE)) {
            return fail(err, VITLRP_UNSUPPORTED,
                        "piece %zu is of type %d: that of a single "
                        "character, or an unused one of a BPE model, is not read",
                        id, (int) piece->type);
        }
        if (piece->type == PIECE_UNKNOWN) {
            subwords->unknown = (int32_t) id;
        } else if (piece->type == PIECE_NORMAL) {
            double score = piece->score;
            subwords->least_score = has_normal ? fmin(subwords->least_score, score) : score;
            has_normal = true;
        }
    }
    return has_normal && subwords->unknown >= 0
               ? VITLRP_OK
               : fail(err, VITLRP_FORMAT, "the model has no %s piece",
                      has_normal ? "unknown" : "normal");
}

static enum vitlrp_status prepare(struct sentencepiece *model, struct vitlrp_error *err) {
    struct subwords *subwords = &model->subwords;
    if (model->type != TYPE_UNIGRAM && model->type != TYPE_BPE) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "the model's type is %lld: unigram (1) and BPE (2) are read",
                    (long long) model->type);
    }
    if (model->has_space_behind != 0) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "the model has spaces behind words (treat_whitespace_as_suffix): not read");
    }
    subwords->model = model->type == TYPE_UNIGRAM ? SUBWORD_UNIGRAM : SUBWORD_BPE_SCORES;
    TRY(look_at_pieces(model, err));
    if (model->has_bytes != 0) {
        TRY(subwords_find_bytes(subwords, err));
    }
    TRY(piece_index_build(&subwords->pieces, 1U << PIECE_NORMAL | 1U << PIECE_USER_DEFINED,
                          &subwords->known, err));
    TRY(piece_index_build(&subwords->pieces, 1U << PIECE_USER_DEFINED, &subwords->users, err));
    return piece_index_build(&subwords->pieces, 1U << PIECE_UNKNOWN | 1U << PIECE_CONTROL,
                             &model->special, err);
}

/* The id, if it is a control piece's. */
static int32_t control_id(const struct sentencepiece *model, int64_t id) {
    const struct pieces *pieces = &model->subwords.pieces;
    bool is_one =
        id >= 0 && (uint64_t) id < pieces->count && pieces->items[id].type == PIECE_CONTROL;
    return is_one ? (int32_t) id : -1;
}

static void describe(const struct sentencepiece *model, struct tokenizer_info *info) {
    const struct subwords *subwords = &model->subwords;
    info->vocabulary = (int32_t) subwords->pieces.count;
    info->end = control_id(model, model->end);
    info->padding = model->type == TYPE_UNIGRAM ? info->end : control_id(model, model->padding);
    info->unknown = subwords->has_bytes ? -1 : subwords->unknown;
}

static enum vitlrp_status open_model(const struct tokenizer_source *source, void **state,
                                     struct tokenizer_info *info, struct vitlrp_error *err) {
    struct sentencepiece *model = mem_calloc(1, sizeof *model);
    if (model == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a tokenizer");
    }
    *model = (struct sentencepiece){.adds_prefix = true,
                                    .removes_spaces = true,
                                    .escapes_spaces = true,
                                    .type = TYPE_UNIGRAM,
                                    .end = 2, /* the defaults of sentencepiece_model.proto */
                                    .padding = -1};
    enum vitlrp_status status = read_model(model, source->file->data, source->file->size, err);
    if (status == VITLRP_OK) {
        status = prepare(model, err);
    }
    if (status != VITLRP_OK) {
        close_model(model);
        return status;
    }
    describe(model, info);
    *state = model;
    return VITLRP_OK;
}

/* A first piece: field 1, of less than 128 bytes, which begins with a field 1. */
static bool recognizes(const struct tokenizer_source *source) {
    const unsigned char *bytes = source->file->data;
    return source->file->size > 4 && bytes[0] == 0x0A && bytes[1] < 0x80 && bytes[2] == 0x0A &&
           bytes[3] > 0 && bytes[3] + 2 <= bytes[1];
}

/* What a text begins with, normalised: a user-defined piece as it is, the longest replacement of
 * the charsmap, or a character. Returns the bytes it takes. */
static size_t next_normal(const struct sentencepiece *model, const char *bytes, size_t length,
                          const char **normal, size_t *normal_length) {
    int32_t id;
    size_t taken = piece_index_longest(&model->subwords.users, bytes, length, &id);
    *normal = bytes;
    if (taken == 0) {
        taken = charsmap_find(&model->charsmap, bytes, length, CHARSMAP_LONGEST, normal);
        if (taken > 0) {
            *normal_length = strlen(*normal);
            return taken;
        }
        taken = text_utf8_length(bytes, length);
    }
    *normal_length = taken;
    return taken;
}

static enum vitlrp_status append_space(const struct sentencepiece *model, struct aligned *out,
                                       struct origin origin, struct vitlrp_error *err) {
    return model->escapes_spaces ? aligned_append(out, PIECE_SPACE, PIECE_SPACE_BYTES, origin, err)
                                 : aligned_append(out, " ", 1, origin, err);
}

static enum vitlrp_status append_normal(const struct sentencepiece *model, const char *normal,
                                        size_t length, struct origin origin, struct aligned *out,
                                        struct vitlrp_error *err) {
    for (size_t i = 0; i < length; i++) {
        if (normal[i] == ' ') {
            TRY(append_space(model, out, origin, err));
        } else {
            TRY(aligned_append(out, normal + i, 1, origin, err));
        }
    }
    return VITLRP_OK;
}

static void drop_spaces_behind(const struct sentencepiece *model, struct aligned *out) {
    const char *space = model->escapes_spaces ? PIECE_SPACE : " ";
    size_t length = strlen(space);
    while (out->length >= length && memcmp(out->data + out->length - length, space, length) == 0) {
        out->length -= length;
    }
}

/* The text from `at` on, which does not begin with a space. */
static enum vitlrp_status normalize_from(const struct sentencepiece *model,
                                         const struct tokenize_text *text, size_t at,
                                         struct aligned *out, struct vitlrp_error *err) {
    bool drops_spaces = model->removes_spaces;
    while (at < text->length) {
        const char *normal;
        size_t length;
        size_t taken = next_normal(model, text->bytes + at, text->length - at, &normal, &length);
        while (drops_spaces && length > 0 && *normal == ' ') {
            normal++;
            length--;
        }
        struct origin origin = {(uint32_t) at, (uint32_t) (at + taken)};
        TRY(append_normal(model, normal, length, origin, out, err));
        if (length > 0) {
            drops_spaces = model->removes_spaces && normal[length - 1] == ' ';
        }
        at += taken;
    }
    if (model->removes_spaces) {
        drop_spaces_behind(model, out);
    }
    return VITLRP_OK;
}

/* SentencePiece's Normalizer::Normalize. */
static enum vitlrp_status normalize(const struct sentencepiece *model,
                                    const struct tokenize_text *text, struct aligned *out,
                                    struct vitlrp_error *err) {
    size_t at = 0;
    while (model->removes_spaces && at < text->length) {
        const char *normal;
        size_t length;
        size_t taken = next_normal(model, text->bytes + at, text->length - at, &normal, &length);
        if (length != 1 || *normal != ' ') {
            break;
        }
        at += taken;
    }
    if (at == text->length) {
        return VITLRP_OK;
    }
    if (model->adds_prefix) {
        TRY(append_space(model, out, (struct origin){(uint32_t) at, (uint32_t) at}, err));
    }
    return normalize_from(model, text, at, out, err);
}

static enum vitlrp_status encode(const void *state, const struct tokenize_text *text,
                                 struct tokens *out, struct vitlrp_error *err) {
    const struct sentencepiece *model = state;
    struct aligned normal = aligned_for(text->length);
    TRY(subwords_refuse(&model->special, text->bytes, text->length, err));
    enum vitlrp_status status = normalize(model, text, &normal, err);
    if (status == VITLRP_OK) {
        status = subwords_encode(&model->subwords, &normal, 0, normal.length, out, err);
    }
    aligned_free(&normal);
    return status;
}

static void token_text(const void *state, int32_t id, struct text *out) {
    const struct sentencepiece *model = state;
    const struct pieces *pieces = &model->subwords.pieces;
    text_append(out, piece_text(pieces, (size_t) id), pieces->items[id].length);
}

const struct tokenizer_kind TOKENIZER_SENTENCEPIECE = {"sentencepiece", recognizes, open_model,
                                                       encode,          token_text, close_model};
