/* Files of merges: lines, gzip, tokenizer.json; and the ids beside them. */
#ifndef TEXT_BPE_FILES_H
#define TEXT_BPE_FILES_H

#include "text/bpe.h"
#include "text/kind.h"

/* Bytes of a file of merges that is compressed: CLIP's has 3.2 MB. */
#define BPE_MAX_UNPACKED ((size_t) 16 << 20)

/* True for a file of lines, compressed or not, and for a tokenizer.json of CLIP's type. */
bool bpe_recognizes(const struct tokenizer_source *source);

/* UNSUPPORTED for a tokenizer.json that states what CLIP's does not do. */
enum vitlrp_status clip_json_check(const json_t *json, struct vitlrp_error *err);

/* The merges of the file. FORMAT, LIMIT, NOMEM. *list is the caller's, also after a failure. */
enum vitlrp_status bpe_read_merges(const struct tokenizer_source *source, struct bpe_list *list,
                                   struct vitlrp_error *err);

/* The merges that the library has in it. */
enum vitlrp_status bpe_read_builtin(struct bpe_list *list, struct vitlrp_error *err);

/* The ids of a vocabulary of JSON: *ids is [bpe_symbols] and the caller's (mem_free); *info gets
 * vocabulary, start, end and added. MISMATCH where it lacks a token of the merges. */
enum vitlrp_status bpe_read_ids(const json_t *vocabulary, const struct bpe *bpe, int32_t **ids,
                                struct tokenizer_info *info, struct vitlrp_error *err);

#endif
