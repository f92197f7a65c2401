/* What the pieces of work of torture.c share. */
#ifndef TESTS_TORTURE_H
#define TESTS_TORTURE_H

#include <stddef.h>

#include "base/file.h"
#include "vitlrp_eval.h"
#include "vitlrp_words.h"

#define CLASSES 3
#define SIDE 8
#define PATCHES 4
#define DIM 8
#define SHARDS 2

/* What the pieces of work are done with, made before any fault. */
struct bench {
    struct bytes safetensors, torch, npz, headless, head, png, jpeg, ppm, record;
    char photograph[128]; /* paths */
    char head_file[128];
    char list[128];
    char few[128]; /* a list of several photographs */
    char journal[128];
    char texts_journal[128];
    char parts[SHARDS][128]; /* journals of the shards of an evaluation, all done */
    char output[128];
    char plain_file[128]; /* and an adapter for it */
    char adapter[128];
    char hub[128];                       /* a folder of the hub's cache */
    const struct vitlrp_tensor *tensors; /* of a model with a head */
    size_t tensor_count;
    struct vitlrp_model *model;
    struct vitlrp_session *session; /* open all the while */
    struct vitlrp_image *image;
    float input[3 * SIDE * SIDE];
};

/* A result as bytes, to be compared with those without a fault. */
struct result {
    unsigned char data[1024];
    size_t size;
};

void torture_keep(struct result *result, const void *data, size_t size);

/* ---- Evaluations ---- */

/* Makes the journals of bench->parts. */
void torture_make_parts(const struct bench *bench);

/* In memory, with all reports. */
enum vitlrp_status torture_evaluate(const struct bench *bench, struct result *result,
                                    struct vitlrp_error *error);

/* In a journal, which stays when it fails, so that the next call resumes it. */
enum vitlrp_status torture_evaluate_in_journal(const struct bench *bench, struct result *result,
                                               struct vitlrp_error *error);

/* The reports of bench->parts. */
enum vitlrp_status torture_merge_journals(const struct bench *bench, struct result *result,
                                          struct vitlrp_error *error);

/* A record that is read, merged and reported. */
enum vitlrp_status torture_read_record(const struct bench *bench, struct result *result,
                                       struct vitlrp_error *error);

/* ---- Texts ---- */

/* The built-in tokenizer, and the ids of a text. */
enum vitlrp_status torture_tokenize(const struct bench *bench, struct result *result,
                                    struct vitlrp_error *error);

/* A tokenizer.json, and merges with their vocabulary. */
enum vitlrp_status torture_open_tokenizers(const struct bench *bench, struct result *result,
                                           struct vitlrp_error *error);

/* Ready-made embeddings as classes, and an image's. */
enum vitlrp_status torture_with_embeddings(const struct bench *bench, struct result *result,
                                           struct vitlrp_error *error);

/* Texts in templates, in a journal that stays when it fails, so that the next call goes on. */
enum vitlrp_status torture_with_templates(const struct bench *bench, struct result *result,
                                          struct vitlrp_error *error);

/* Ids of tokens as classes. */
enum vitlrp_status torture_with_token_ids(const struct bench *bench, struct result *result,
                                          struct vitlrp_error *error);

/* The words of a text, and a model of them. */
enum vitlrp_status torture_kept_words(const struct bench *bench, struct result *result,
                                      struct vitlrp_error *error);
enum vitlrp_status torture_words(const struct bench *bench, struct result *result,
                                 struct vitlrp_error *error);

/* Texts as classes, by text towers of CLIP and of SigLIP. */
enum vitlrp_status torture_with_clip_texts(const struct bench *bench, struct result *result,
                                           struct vitlrp_error *error);
enum vitlrp_status torture_with_siglip_texts(const struct bench *bench, struct result *result,
                                             struct vitlrp_error *error);

#endif
