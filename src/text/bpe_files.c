#include "text/bpe_files.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "text/bpe_alphabet.h"
#include "text/clip_split.h"
#include "text/unpack.h"

/* OpenAI's file has 262,144 merges, of which its program takes the first ones. */
#define CLIP_MERGES 48894
#define OPENAI_FILE "bpe_simple_vocab_16e6"

extern const unsigned char clip_merges[];
extern const unsigned char clip_merges_end[];

static bool is_gzip(const struct tokenizer_file *file) {
    const unsigned char *bytes = file->data;
    return file->size > 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

/* The end of the line that begins at `at`. */
static size_t line_end(const char *bytes, size_t size, size_t at) {
    const char *end = memchr(bytes + at, '\n', size - at);
    return end == NULL ? size : (size_t) (end - bytes);
}

/* Where the first merge begins: behind "#version: 0.2". */
static size_t header_size(const char *bytes, size_t size) {
    size_t end = line_end(bytes, size, 0);
    bool is_header = (size > 0 && bytes[0] == '#' && end > 1 && bytes[1] != ' ') ||
                     (end > 0 && memchr(bytes, '#', end) != NULL && bytes[0] == '"');
    return is_header && end < size ? end + 1 : is_header ? end : 0;
}

/* A blank with something on both sides. */
static bool is_merge(const char *line, size_t length, size_t *left) {
    const char *blank = memchr(line, ' ', length);
    if (blank == NULL || blank == line || blank + 1 == line + length) {
        return false;
    }
    *left = (size_t) (blank - line);
    return memchr(blank + 1, ' ', length - *left - 1) == NULL;
}

static bool is_lines(const char *bytes, size_t size) {
    size_t left;
    size_t begin = header_size(bytes, size);
    size_t end = line_end(bytes, size, begin);
    end -= end > begin && bytes[end - 1] == '\r';
    return (begin > 0 && begin == size) || (is_merge(bytes + begin, end - begin, &left) &&
                                            text_is_utf8(bytes + begin, end - begin));
}

static const json_t *model_of(const json_t *json) {
    return json_object_get(json, "model");
}

bool bpe_recognizes(const struct tokenizer_source *source) {
    if (source->is_json) {
        const char *suffix = json_get_string(model_of(source->json), "end_of_word_suffix");
        return suffix != NULL && strcmp(suffix, BPE_WORD_END) == 0;
    }
    return is_gzip(source->file) ||
           (source->file->size > 0 && is_lines(source->file->data, source->file->size));
}

static enum vitlrp_status read_lines(const char *bytes, size_t size, size_t most,
                                     struct bpe_list *list, struct vitlrp_error *err) {
    for (size_t at = header_size(bytes, size); at < size && list->count < most;) {
        size_t end = line_end(bytes, size, at);
        size_t length = end - at - (end > at && bytes[end - 1] == '\r');
        size_t left;
        if (length > 0) {
            if (!is_merge(bytes + at, length, &left)) {
                return fail(err, VITLRP_FORMAT,
                            "merge %zu is not two parts with a blank between them",
                            list->count + 1);
            }
            TRY(bpe_list_append(list, bytes + at, left, bytes + at + left + 1, length - left - 1,
                                err));
        }
        at = end + 1;
    }
    return VITLRP_OK;
}

/* The lines of a file, of OpenAI's no more than its program takes. */
static enum vitlrp_status read_text(const char *bytes, size_t size, struct bpe_list *list,
                                    struct vitlrp_error *err) {
    size_t name = sizeof OPENAI_FILE - 1;
    bool is_openai = size > name && bytes[0] == '"' && memcmp(bytes + 1, OPENAI_FILE, name) == 0;
    return read_lines(bytes, size, is_openai ? CLIP_MERGES : SIZE_MAX, list, err);
}

static enum vitlrp_status read_packed(const void *data, size_t size, struct bpe_list *list,
                                      struct vitlrp_error *err) {
    struct text text = {.limit = BPE_MAX_UNPACKED};
    enum vitlrp_status status = unpack(data, size, &text, err);
    if (status == VITLRP_OK) {
        status = read_text(text.data, text.length, list, err);
    }
    text_free(&text);
    return status;
}

enum vitlrp_status bpe_read_builtin(struct bpe_list *list, struct vitlrp_error *err) {
    return read_packed(clip_merges, (size_t) (clip_merges_end - clip_merges), list, err);
}

/* A merge of JSON: "a b", or ["a", "b"]. */
static enum vitlrp_status append_json(const json_t *merge, struct bpe_list *list,
                                      struct vitlrp_error *err) {
    const json_t *first = json_array_get(merge, 0);
    const json_t *second = json_array_get(merge, 1);
    size_t left;
    if (json_is_string(merge) &&
        is_merge(json_string_value(merge), json_string_length(merge), &left)) {
        const char *bytes = json_string_value(merge);
        return bpe_list_append(list, bytes, left, bytes + left + 1,
                               json_string_length(merge) - left - 1, err);
    }
    if (json_is_string(first) && json_is_string(second) && json_array_size(merge) == 2) {
        return bpe_list_append(list, json_string_value(first), json_string_length(first),
                               json_string_value(second), json_string_length(second), err);
    }
    return fail(err, VITLRP_FORMAT, "merge %zu is neither \"LEFT RIGHT\" nor a list of the two",
                list->count + 1);
}

static enum vitlrp_status read_json(const json_t *json, struct bpe_list *list,
                                    struct vitlrp_error *err) {
    const json_t *merges = json_object_get(model_of(json), "merges");
    if (!json_is_array(merges)) {
        return fail(err, VITLRP_FORMAT, "model.merges is no list");
    }
    for (size_t i = 0; i < json_array_size(merges); i++) {
        TRY(append_json(json_array_get(merges, i), list, err));
    }
    return VITLRP_OK;
}

enum vitlrp_status bpe_read_merges(const struct tokenizer_source *source, struct bpe_list *list,
                                   struct vitlrp_error *err) {
    const struct tokenizer_file *file = source->file;
    if (source->json != NULL) {
        return read_json(source->json, list, err);
    }
    return is_gzip(file) ? read_packed(file->data, file->size, list, err)
                         : read_text(file->data, file->size, list, err);
}

/* The id under a key; -1: it has none. */
static int32_t id_of(const json_t *vocabulary, const char *key) {
    const json_t *id = json_object_get(vocabulary, key);
    json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;
    return value >= 0 && (size_t) value < json_object_size(vocabulary) ? (int32_t) value : -1;
}

static int32_t special_id(const json_t *vocabulary, const char *name, const char *other) {
    int32_t id = id_of(vocabulary, name);
    return id >= 0 ? id : id_of(vocabulary, other);
}

/* Fills ids, and sets is_used of each. */
static enum vitlrp_status fill_ids(const json_t *vocabulary, const struct bpe *bpe, int32_t *ids,
                                   bool *is_used, struct vitlrp_error *err) {
    struct text key = {.limit = 4 * BPE_MAX_TOKEN};
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < bpe_symbols(bpe) && status == VITLRP_OK; i++) {
        key.length = 0;
        bpe_append_key(bpe, i, &key);
        status = text_check(&key, "a token", err);
        ids[i] = status == VITLRP_OK ? id_of(vocabulary, key.data) : -1;
        if (status == VITLRP_OK && (ids[i] < 0 || is_used[ids[i]])) {
            char shown[80];
            text_escape_name(shown, sizeof shown, key.data);
            status = fail(err, VITLRP_MISMATCH,
                          "the vocabulary has no id of its own for the token \"%s\" of the merges",
                          shown);
        } else if (status == VITLRP_OK) {
            is_used[ids[i]] = true;
        }
    }
    text_free(&key);
    return status;
}

static enum vitlrp_status read_special(const json_t *vocabulary, const struct bpe *bpe,
                                       const bool *is_used, struct tokenizer_info *info,
                                       struct vitlrp_error *err) {
    size_t known = bpe_symbols(bpe) + 2;
    info->vocabulary = (int32_t) json_object_size(vocabulary);
    info->start = special_id(vocabulary, CLIP_START, "<start_of_text>");
    info->end = special_id(vocabulary, CLIP_END, "<end_of_text>");
    if (info->start < 0 || info->end < 0 || info->start == info->end || is_used[info->start] ||
        is_used[info->end]) {
        return fail(err, VITLRP_MISMATCH, "the vocabulary has no %s or no %s", CLIP_START,
                    CLIP_END);
    }
    info->added = (size_t) info->vocabulary - known;
    return VITLRP_OK;
}

enum vitlrp_status bpe_read_ids(const json_t *vocabulary, const struct bpe *bpe, int32_t **ids,
                                struct tokenizer_info *info, struct vitlrp_error *err) {
    size_t count = json_object_size(vocabulary);
    if (count < bpe_symbols(bpe) + 2 || count > INT32_MAX) {
        return fail(
            err, VITLRP_MISMATCH,
            "the vocabulary has %zu tokens, which are too few for %zu merges: these make %zu",
            count, bpe_symbols(bpe) - BPE_FIRST_MERGE, bpe_symbols(bpe) + 2);
    }
    int32_t *found = mem_calloc(bpe_symbols(bpe), sizeof *found);
    bool *is_used = mem_calloc(count, sizeof *is_used);
    enum vitlrp_status status = VITLRP_OK;
    if (found == NULL || is_used == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for %zu ids", count);
    }
    if (status == VITLRP_OK) {
        status = fill_ids(vocabulary, bpe, found, is_used, err);
    }
    if (status == VITLRP_OK) {
        status = read_special(vocabulary, bpe, is_used, info, err);
    }
    mem_free(is_used);
    if (status != VITLRP_OK) {
        mem_free(found);
        return status;
    }
    *ids = found;
    return VITLRP_OK;
}
