#include "text/tokenizer.h"

#include <errno.h>
#include <string.h>

#include "base/ascii.h"
#include "base/checked.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "text/kind.h"

/* Bytes of a cleaned text: characters become three of the same size at most. */
#define MAX_CLEANED (4 * TOKENIZER_MAX_TEXT)

struct tokenizer {
    const struct tokenizer_kind *kind;
    struct tokenizer_info info;
    char sha256[SHA256_TEXT];
    void *state; /* owned: kind->close */
};

#define TOKENIZER_KIND(kind) extern const struct tokenizer_kind kind;
#include "text/kinds.def"
#undef TOKENIZER_KIND

static const struct tokenizer_kind *const KINDS[] = {
#define TOKENIZER_KIND(kind) &kind,
#include "text/kinds.def"
#undef TOKENIZER_KIND
    NULL};

/* SentencePiece's own file is a tenth of the JSON that says the same. */
static const char *const NAMES[] = {"spiece.model",
                                    "tokenizer.model",
                                    TOKENIZER_MERGES,
                                    "tokenizer.json",
                                    "bpe_simple_vocab_16e6.txt.gz",
                                    NULL};

enum vitlrp_status tokenizer_make(const struct tokenizer_kind *kind, void *state,
                                  const struct tokenizer_info *info, struct tokenizer **out,
                                  struct vitlrp_error *err) {
    struct tokenizer *tokenizer = mem_calloc(1, sizeof *tokenizer);
    if (tokenizer == NULL) {
        kind->close(state);
        return fail(err, VITLRP_NOMEM, "out of memory for a tokenizer");
    }
    *tokenizer = (struct tokenizer){.kind = kind, .info = *info, .state = state};
    tokenizer->info.kind = kind->name;
    *out = tokenizer;
    return VITLRP_OK;
}

void tokenizer_close(struct tokenizer *tokenizer) {
    if (tokenizer != NULL) {
        tokenizer->kind->close(tokenizer->state);
        mem_free(tokenizer);
    }
}

struct tokenizer_info tokenizer_describe(const struct tokenizer *tokenizer) {
    return tokenizer->info;
}

const char *tokenizer_sha256(const struct tokenizer *tokenizer) {
    return tokenizer->sha256;
}

static enum vitlrp_status hash_file(const struct tokenizer_file *file, char out[SHA256_TEXT],
                                    struct vitlrp_error *err) {
    char both[2 * SHA256_TEXT];
    TRY(sha256_bytes(file->data, file->size, out, err));
    if (file->ids == NULL) {
        return VITLRP_OK;
    }
    memcpy(both, out, SHA256_TEXT - 1);
    both[SHA256_TEXT - 1] = ' ';
    TRY(sha256_bytes(file->ids, file->ids_size, both + SHA256_TEXT, err));
    both[2 * SHA256_TEXT - 1] = '\n';
    return sha256_bytes(both, sizeof both, out, err);
}

static const struct tokenizer_kind *kind_of(const struct tokenizer_source *source) {
    size_t i = 0;
    while (KINDS[i] != NULL && !KINDS[i]->recognizes(source)) {
        i++;
    }
    return KINDS[i];
}

static enum vitlrp_status open_source(const struct tokenizer_kind *kind,
                                      const struct tokenizer_source *source, struct tokenizer **out,
                                      struct vitlrp_error *err) {
    void *state = NULL;
    struct tokenizer_info info = {.start = -1, .end = -1, .padding = -1, .unknown = -1};
    if (kind == NULL) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "is no tokenizer that is known: CLIP's merges.txt (with vocab.json), "
                    "bpe_simple_vocab_16e6.txt.gz, SentencePiece's *.model, and tokenizer.json of "
                    "type BPE or Unigram are");
    }
    TRY(kind->open(source, &state, &info, err));
    return tokenizer_make(kind, state, &info, out, err);
}

static bool is_json(const struct tokenizer_file *file) {
    const char *bytes = file->data;
    size_t i = 0;
    while (i < file->size && ascii_is_space((unsigned char) bytes[i])) {
        i++;
    }
    return i < file->size && bytes[i] == '{';
}

enum vitlrp_status tokenizer_open_bytes(const struct tokenizer_file *file, struct tokenizer **out,
                                        struct vitlrp_error *err) {
    if (file->size > TOKENIZER_MAX_FILE || file->ids_size > TOKENIZER_MAX_FILE) {
        return fail(err, VITLRP_LIMIT, "a tokenizer's file has %zu bytes; at most %zu are read",
                    size_max(file->size, file->ids_size), TOKENIZER_MAX_FILE);
    }
    json_t *json = NULL;
    struct tokenizer_source source = {.file = file, .is_json = is_json(file)};
    const struct tokenizer_kind *kind = kind_of(&source);
    if (kind == NULL && source.is_json) {
        TRY(json_parse_within(file->data, file->size, TOKENIZER_MAX_JSON_MEMORY, &json, err));
        source.json = json;
        kind = kind_of(&source);
    }
    struct tokenizer *made = NULL;
    enum vitlrp_status status = open_source(kind, &source, &made, err);
    json_decref(json);
    if (status == VITLRP_OK) {
        status = hash_file(file, made->sha256, err);
    }
    if (status != VITLRP_OK) {
        tokenizer_close(made);
        return status;
    }
    *out = made;
    return VITLRP_OK;
}

/* NAME in the folder that `path` has, or in the folder `path`; owned: mem_free. NULL: no memory. */
static char *path_beside(const char *path, bool is_folder, const char *name) {
    const char *slash = strrchr(path, '/');
    size_t folder = is_folder ? strlen(path) : slash == NULL ? 0 : (size_t) (slash - path);
    struct text text = {.limit = folder + strlen(name) + 2};
    text_append(&text, path, folder);
    text_append_string(&text, folder > 0 || slash == path ? "/" : "");
    text_append_string(&text, name);
    if (text.failed) {
        text_free(&text);
        return NULL;
    }
    return text.data;
}

/* The file beside a merges.txt that has the ids; none is no failure. */
static enum vitlrp_status read_ids(const char *path, struct bytes *ids, struct vitlrp_error *err) {
    const char *slash = strrchr(path, '/');
    if (strcmp(slash == NULL ? path : slash + 1, TOKENIZER_MERGES) != 0) {
        return VITLRP_OK;
    }
    char *beside = path_beside(path, false, TOKENIZER_IDS);
    if (beside == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a path");
    }
    struct vitlrp_error own = {0};
    enum vitlrp_status status = file_read(beside, TOKENIZER_MAX_FILE, ids, &own);
    mem_free(beside);
    if (status != VITLRP_OK && own.system_errno == ENOENT) {
        return VITLRP_OK;
    }
    return status == VITLRP_OK ? status : error_forward(err, &own);
}

static enum vitlrp_status open_file(const char *path, struct tokenizer **out,
                                    struct vitlrp_error *err) {
    struct bytes data = {0};
    struct bytes ids = {0};
    enum vitlrp_status status = VITLRP_OK;
    TRY_GOTO(status, file_read(path, TOKENIZER_MAX_FILE, &data, err), cleanup);
    TRY_GOTO(status, read_ids(path, &ids, err), cleanup);
    struct tokenizer_file file = {data.data, data.size, ids.data, ids.size};
    status = tokenizer_open_bytes(&file, out, err);
    if (status != VITLRP_OK) {
        error_prefix(err, status, path);
    }
cleanup:
    bytes_free(&data);
    bytes_free(&ids);
    return status;
}

enum vitlrp_status tokenizer_find(const char *path, bool is_folder, char **found,
                                  struct vitlrp_error *err) {
    *found = NULL;
    for (size_t i = 0; NAMES[i] != NULL; i++) {
        char *there = path_beside(path, is_folder, NAMES[i]);
        if (there == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for a path");
        }
        if (path_is_there(there)) {
            *found = there;
            return VITLRP_OK;
        }
        mem_free(there);
    }
    return VITLRP_OK;
}

enum vitlrp_status tokenizer_open(const char *path, struct tokenizer **out,
                                  struct vitlrp_error *err) {
    char *inside;
    if (!folder_is(path)) {
        return open_file(path, out, err);
    }
    TRY(tokenizer_find(path, true, &inside, err));
    if (inside == NULL) {
        fail(err, VITLRP_IO, "the folder has no tokenizer: no %s, %s or tokenizer.json",
             TOKENIZER_MERGES, NAMES[0]);
        return error_prefix(err, VITLRP_IO, path);
    }
    enum vitlrp_status status = open_file(inside, out, err);
    mem_free(inside);
    return status;
}

void tokenizer_token_text(const struct tokenizer *tokenizer, int32_t id, struct text *out) {
    const struct tokenizer_info *info = &tokenizer->info;
    if (id < 0 || id >= info->vocabulary) {
        return;
    }
    if (id == info->start) {
        text_append_string(out, "[start]");
    } else if (id == info->end) {
        text_append_string(out, "[end]");
    } else if (id == info->padding) {
        text_append_string(out, "[padding]");
    } else {
        tokenizer->kind->token_text(tokenizer->state, id, out);
    }
}

static enum vitlrp_status check_text(const struct tokenizer_info *info, const char *bytes,
                                     size_t length, const struct tokenize_options *options,
                                     struct vitlrp_error *err) {
    size_t max_bytes = options->max_bytes == 0 ? TOKENIZER_MAX_TEXT
                                               : size_min(options->max_bytes, TOKENIZER_MAX_TEXT);
    if (length > max_bytes) {
        return fail(err, VITLRP_LIMIT, "a text has %zu bytes; at most %zu are taken", length,
                    max_bytes);
    }
    if (!text_is_utf8(bytes, length)) {
        return fail(err, VITLRP_USAGE, "a text is not UTF-8: convert it");
    }
    if (options->context == 1 || (options->pads && (info->padding < 0 || options->context == 0))) {
        return fail(err, VITLRP_USAGE,
                    "no such context: 2 tokens at least, and a length to pad to");
    }
    return VITLRP_OK;
}

static enum vitlrp_status encode(const struct tokenizer *tokenizer, struct text *cleaned,
                                 const struct tokenize_options *options, struct tokens *out,
                                 struct vitlrp_error *err) {
    text_append(cleaned, "", 0); /* an empty text is terminated too */
    TRY(text_check(cleaned, "a cleaned text", err));
    out->text = cleaned->data;
    out->length = cleaned->length;
    *cleaned = (struct text){0};
    struct tokenize_text text = {out->text, out->length, options->cleaning};
    TRY(tokens_begin(out, &tokenizer->info, err));
    TRY(tokenizer->kind->encode(tokenizer->state, &text, out, err));
    return tokens_finish(out, &tokenizer->info, options, err);
}

enum vitlrp_status tokenizer_encode(const struct tokenizer *tokenizer, const char *bytes,
                                    size_t length, const struct tokenize_options *options,
                                    struct tokens *out, struct vitlrp_error *err) {
    *out = (struct tokens){0};
    TRY(check_text(&tokenizer->info, bytes, length, options, err));
    struct text cleaned = {.limit = MAX_CLEANED};
    enum vitlrp_status status = text_clean(options->cleaning, bytes, length, &cleaned, err);
    if (status == VITLRP_OK) {
        status = encode(tokenizer, &cleaned, options, out, err);
    }
    text_free(&cleaned);
    if (status != VITLRP_OK) {
        tokens_free(out);
    }
    return status;
}
