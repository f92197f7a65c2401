/* CLIP's tokenizer: its splitting, byte-pair encoding within words, and ids. */
#include "base/json.h"
#include "base/mem.h"
#include "text/bpe.h"
#include "text/bpe_files.h"
#include "text/clip_split.h"
#include "text/kind.h"

struct clip_bpe {
    struct bpe *bpe;
    int32_t *ids;     /* of symbols; NULL: their numbers */
    int32_t *symbols; /* of ids, -1: no symbol has it; NULL: the ids are their numbers */
};

static void clip_bpe_close(void *state) {
    struct clip_bpe *clip = state;
    bpe_free(clip->bpe);
    mem_free(clip->ids);
    mem_free(clip->symbols);
    mem_free(clip);
}

static enum vitlrp_status invert_ids(struct clip_bpe *clip, const struct tokenizer_info *info,
                                     struct vitlrp_error *err) {
    size_t count = (size_t) info->vocabulary;
    clip->symbols = mem_calloc(count, sizeof *clip->symbols);
    if (clip->symbols == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu ids", count);
    }
    for (size_t i = 0; i < count; i++) {
        clip->symbols[i] = -1;
    }
    for (size_t i = 0; i < bpe_symbols(clip->bpe); i++) {
        clip->symbols[clip->ids[i]] = (int32_t) i;
    }
    return VITLRP_OK;
}

static void number_ids(const struct bpe *bpe, struct tokenizer_info *info) {
    info->start = (int32_t) bpe_symbols(bpe);
    info->end = info->start + 1;
    info->vocabulary = info->end + 1;
}

/* Ids of the vocabulary in the file or beside it; else those of the merges' order. */
static enum vitlrp_status read_ids(const struct tokenizer_source *source, struct clip_bpe *clip,
                                   struct tokenizer_info *info, struct vitlrp_error *err) {
    const struct tokenizer_file *file = source->file;
    if (source->json != NULL) {
        const json_t *model = json_object_get(source->json, "model");
        TRY(bpe_read_ids(json_object_get(model, "vocab"), clip->bpe, &clip->ids, info, err));
    } else if (file->ids != NULL) {
        json_t *vocabulary = NULL;
        TRY(json_parse_within(file->ids, file->ids_size, TOKENIZER_MAX_JSON_MEMORY, &vocabulary,
                              err));
        enum vitlrp_status status = bpe_read_ids(vocabulary, clip->bpe, &clip->ids, info, err);
        json_decref(vocabulary);
        TRY(status);
    } else {
        number_ids(clip->bpe, info);
        return VITLRP_OK;
    }
    return invert_ids(clip, info, err);
}

/* Takes the list over, failing or not. *out is owned. */
static enum vitlrp_status make_clip(struct bpe_list *list, struct clip_bpe **out,
                                    struct vitlrp_error *err) {
    struct clip_bpe *clip = mem_calloc(1, sizeof *clip);
    if (clip == NULL) {
        bpe_list_free(list);
        return fail(err, VITLRP_NOMEM, "out of memory for a tokenizer");
    }
    enum vitlrp_status status = bpe_make(list, &clip->bpe, err);
    if (status != VITLRP_OK) {
        mem_free(clip);
        return status;
    }
    *out = clip;
    return VITLRP_OK;
}

static enum vitlrp_status clip_bpe_open(const struct tokenizer_source *source, void **state,
                                        struct tokenizer_info *info, struct vitlrp_error *err) {
    struct bpe_list list = {0};
    struct clip_bpe *clip = NULL;
    if (source->json != NULL) {
        TRY(clip_json_check(source->json, err));
    }
    enum vitlrp_status status = bpe_read_merges(source, &list, err);
    if (status != VITLRP_OK) {
        bpe_list_free(&list);
        return status;
    }
    info->merges = list.count;
    TRY(make_clip(&list, &clip, err));
    status = read_ids(source, clip, info, err);
    if (status != VITLRP_OK) {
        clip_bpe_close(clip);
        return status;
    }
    *state = clip;
    return VITLRP_OK;
}

static enum vitlrp_status encode_words(const struct clip_bpe *clip,
                                       const struct tokenize_text *text,
                                       struct bpe_scratch *scratch, struct tokens *out,
                                       struct vitlrp_error *err) {
    bool ignores_case = text->cleaning != TEXT_CLEANING_NFC;
    struct clip_word word = {0, 0};
    for (int32_t number = 0; clip_split(text->bytes, text->length, ignores_case, word.end, &word);
         number++) {
        struct bpe_word piece = {text->bytes + word.begin, word.end - word.begin, word.begin,
                                 number};
        TRY(bpe_encode(clip->bpe, &piece, scratch, out, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status clip_bpe_encode(const void *state, const struct tokenize_text *text,
                                          struct tokens *out, struct vitlrp_error *err) {
    const struct clip_bpe *clip = state;
    const char *special = clip_special(text->bytes, text->length);
    if (special != NULL) {
        return fail(err, VITLRP_USAGE, "a text has %s in it, which is a token of its own", special);
    }
    struct bpe_scratch scratch = {0};
    size_t before = out->count;
    enum vitlrp_status status = encode_words(clip, text, &scratch, out, err);
    bpe_scratch_free(&scratch);
    for (size_t i = before; i < out->count && clip->ids != NULL; i++) {
        out->items[i].id = clip->ids[out->items[i].id];
    }
    return status;
}

static void clip_bpe_token_text(const void *state, int32_t id, struct text *out) {
    const struct clip_bpe *clip = state;
    int32_t symbol = clip->symbols == NULL ? id : clip->symbols[id];
    if (symbol >= 0) {
        bpe_append_text(clip->bpe, (size_t) symbol, out);
    } else {
        text_append_string(out, "[unused]");
    }
}

const struct tokenizer_kind TOKENIZER_CLIP_BPE = {.name = "clip-bpe",
                                                  .recognizes = bpe_recognizes,
                                                  .open = clip_bpe_open,
                                                  .encode = clip_bpe_encode,
                                                  .token_text = clip_bpe_token_text,
                                                  .close = clip_bpe_close};

enum vitlrp_status tokenizer_open_builtin(struct tokenizer **out, struct vitlrp_error *err) {
    struct bpe_list list = {0};
    struct clip_bpe *clip = NULL;
    struct tokenizer_info info = {.padding = -1, .unknown = -1, .is_built_in = true};
    enum vitlrp_status status = bpe_read_builtin(&list, err);
    if (status != VITLRP_OK) {
        bpe_list_free(&list);
        return status;
    }
    info.merges = list.count;
    TRY(make_clip(&list, &clip, err));
    number_ids(clip->bpe, &info);
    return tokenizer_make(&TOKENIZER_CLIP_BPE, clip, &info, out, err);
}
