/* Texts -> token ids: bytes in, numbers out. One interface for every family of tokenizers; a family
 * is a row of kinds.def (text/kind.h).
 * Knows no model: whether a vocabulary is the model's, and how long its context is, is for the
 * caller. Refuses texts that are not UTF-8, and those that spell a special token. */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "text/clean.h"

/* Bytes of a tokenizer's file, and of what stands beside it. */
#define TOKENIZER_MAX_FILE ((size_t) 64 << 20)

/* Bytes of a text, whatever the caller allows. What is made of it may be three times as long. */
#define TOKENIZER_MAX_TEXT ((size_t) 1 << 20)

/* Immutable: any number of threads may use one at a time. Owned: tokenizer_close. */
struct tokenizer;

struct tokenizer_info {
    const char *kind;   /* "clip-bpe", ...: constant text */
    int32_t vocabulary; /* ids are below it */
    int32_t start, end; /* put around a text; -1: there is none */
    int32_t padding;    /* behind the end, where the caller wants a fixed length; -1: none */
    int32_t unknown;    /* for what the vocabulary lacks; -1: every text has ids */
    bool is_built_in;   /* no file was read */
    size_t added,
        merges; /* what a file states beside its pieces, and its merges (0: it has none) */
};

/* What a tokenizer is made of. The data must be there during the call only. */
struct tokenizer_file {
    const void *data; /* merges.txt, bpe_simple_vocab_16e6.txt(.gz), tokenizer.json, *.model ... */
    size_t size;
    const void *ids; /* vocab.json beside merges.txt; NULL: ids follow from the order of merges */
    size_t ids_size;
};

/* CLIP's vocabulary of 49,408 tokens, which the library has in it. */
enum vitlrp_status tokenizer_open_builtin(struct tokenizer **out, struct vitlrp_error *err);

/* Of bytes, whatever they are called. UNSUPPORTED for what no kind knows, FORMAT for a damaged
 * file, LIMIT for one that is too large. */
enum vitlrp_status tokenizer_open_bytes(const struct tokenizer_file *file, struct tokenizer **out,
                                        struct vitlrp_error *err);

/* Of a file, with the vocab.json that stands beside a merges.txt, or of what tokenizer_find finds
 * in a folder. The message names the path. */
enum vitlrp_status tokenizer_open(const char *path, struct tokenizer **out,
                                  struct vitlrp_error *err);

/* The path of the tokenizer in a folder, or beside a file: the first choice of the names that
 * models' folders have. *found is owned: mem_free; NULL: there is none. NOMEM. */
enum vitlrp_status tokenizer_find(const char *path, bool is_folder, char **found,
                                  struct vitlrp_error *err);
#define TOKENIZER_MERGES "merges.txt"
#define TOKENIZER_IDS "vocab.json"

/* NULL: nothing happens. */
void tokenizer_close(struct tokenizer *tokenizer);

struct tokenizer_info tokenizer_describe(const struct tokenizer *tokenizer);

/* The hash of the file that it was made of; with a vocab.json beside it, of a line of both hashes
 * and a blank between them. "" of the built-in one. As long as the tokenizer. */
const char *tokenizer_sha256(const struct tokenizer *tokenizer);

/* Appends a token as people read it: its bytes, with "</w>" where a word of CLIP's ends, or with
 * U+2581 where a word of SentencePiece begins; "[start]", "[end]", "[padding]". The bytes need not
 * be UTF-8: text_append_escaped. Nothing for an id that is not of the vocabulary. */
void tokenizer_token_text(const struct tokenizer *tokenizer, int32_t id, struct text *out);

struct tokenize_options {
    enum text_cleaning cleaning;
    size_t context;   /* ids at most, start and end counted; 0: no limit; else 2 at least */
    size_t max_bytes; /* of the text, before it is cleaned; 0: TOKENIZER_MAX_TEXT */
    bool pads;        /* fills the context with the padding id */
};

struct token {
    int32_t id;
    int32_t word;      /* from 0, as the tokenizer splits the text; -1: start, end, padding */
    size_t begin, end; /* bytes of the cleaned text [begin, end); none of -1's */
};

/* Zero-initialise; owned by the caller: tokens_free. */
struct tokens {
    struct token *items; /* [count]: start, the text's, end, padding */
    size_t count;
    size_t padding; /* of these, at the end */
    size_t words;   /* that have a token among them */
    size_t cut;     /* tokens of the text that the context had no room for */
    size_t kept;    /* bytes of the cleaned text before the first one cut; else all */
    char *text;     /* cleaned: [length], terminated */
    size_t length;
    size_t capacity; /* of items; for tokens_append alone */
};

/* The ids of a text: `length` bytes, which may be none. USAGE for one that is not UTF-8 or spells a
 * special token, LIMIT for one that is too long, NOMEM. *out is empty after a failure. */
enum vitlrp_status tokenizer_encode(const struct tokenizer *tokenizer, const char *bytes,
                                    size_t length, const struct tokenize_options *options,
                                    struct tokens *out, struct vitlrp_error *err);

void tokens_free(struct tokens *tokens);

#endif
