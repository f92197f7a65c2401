/* Ids and embeddings of texts by the text tower of a model, for a script that compares them with a
 * library's (tests/nightly/text_towers.py). usage: print_texts MODEL, texts on standard input
 * (support/counted_texts.h). For each a line: ids, ':', and the embedding as it leaves the tower;
 * or a failure's status and message. */
#include <stdio.h>

#include "api/text_reader.h"
#include "base/mem.h"
#include "support/counted_texts.h"
#include "vit/program/text_tower.h"

enum { MOST_TOKENS = 1024 };

struct printer {
    struct vit_model *tower;
    struct text_reader reader;
    struct vit_text *text;
    float *embedding;
};

static enum vitlrp_status printer_open(const char *path, const struct vitlrp_text_options *options,
                                       struct printer *out, struct vitlrp_error *err) {
    const struct vit_load_options load = {.text = true};
    const struct vit_text_options how = {.threads = 2, .backend = "auto"};
    TRY(vit_model_load(path, &load, &out->tower, err));
    TRY(text_reader_open(out->tower, options, &out->reader, err));
    out->embedding = mem_calloc((size_t) out->tower->config.classes, sizeof *out->embedding);
    if (out->embedding == NULL || out->tower->config.grid_width > MOST_TOKENS) {
        return fail(err, VITLRP_NOMEM, "no room for a text");
    }
    return vit_text_open(out->tower, &how, &out->text, err);
}

static void printer_close(struct printer *printer) {
    vit_text_close(printer->text);
    text_reader_close(&printer->reader);
    mem_free(printer->embedding);
    vit_model_free(printer->tower);
}

static enum vitlrp_status embed(struct printer *printer, const struct tokens *tokens,
                                struct vitlrp_error *err) {
    int32_t ids[MOST_TOKENS];
    for (size_t i = 0; i < tokens->count; i++) {
        ids[i] = tokens->items[i].id;
    }
    const struct vit_ids text = {ids, tokens->count};
    TRY(vit_text_forward(printer->text, &text, 1, printer->embedding, err));
    for (size_t i = 0; i < tokens->count; i++) {
        printf("%d ", ids[i]);
    }
    printf(":");
    for (int32_t d = 0; d < printer->tower->config.classes; d++) {
        printf(" %.9g", (double) printer->embedding[d]);
    }
    printf("\n");
    return VITLRP_OK;
}

static void print_text(void *user, const char *text, size_t length) {
    struct printer *printer = user;
    struct tokens tokens = {0};
    struct vitlrp_error err = {0};
    enum vitlrp_status status = text_reader_encode(&printer->reader, text, &tokens, &err);
    (void) length;
    if (status == VITLRP_OK) {
        status = embed(printer, &tokens, &err);
    }
    if (status != VITLRP_OK) {
        printf("%d %s\n", (int) status, err.message);
    }
    tokens_free(&tokens);
}

int main(int argc, char **argv) {
    struct printer printer = {0};
    struct vitlrp_text_options options;
    struct vitlrp_error err = {0};
    int code = 1;
    vitlrp_text_options_init(&options);
    if (argc != 2) {
        fprintf(stderr, "usage: print_texts MODEL\n");
        return 2;
    }
    if (printer_open(argv[1], &options, &printer, &err) == VITLRP_OK) {
        code = counted_texts_read(print_text, &printer);
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    printer_close(&printer);
    return code;
}
