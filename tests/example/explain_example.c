/* A whole program on the public header alone: a photograph and a weights file in, a heat map of the
 * most likely class out. It is a test too, built as C and as C++. Copy it and go on from here.
 *
 *   explain_example MODEL IMAGE HEAT_MAP.png */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vitlrp.h"

/* Everything that has to be released at the end; all of it starts as NULL. */
struct example {
    struct vitlrp_model *model;
    struct vitlrp_session *session;
    struct vitlrp_image *image;
    float *input;
    float *logits;
    float *patches;
    unsigned char *png;
    struct vitlrp_caption caption; /* what is known of the map so far */
    struct vitlrp_error error;
};

/* Opens the model, the photograph and a session, and allocates the arrays that the library fills.
 */
static enum vitlrp_status open_all(struct example *e, const char *model_path,
                                   const char *image_path, struct vitlrp_model_info *info,
                                   struct vitlrp_session_info *session_info) {
    struct vitlrp_session_options options;
    enum vitlrp_status status = vitlrp_model_open(model_path, NULL, &e->model, &e->error);
    if (status == VITLRP_OK) {
        status = vitlrp_image_open(image_path, NULL, &e->image, &e->error);
    }
    if (status == VITLRP_OK) {
        vitlrp_session_options_init(&options);
        status = vitlrp_session_open(e->model, &options, &e->session, &e->error);
    }
    if (status != VITLRP_OK) {
        return status;
    }
    vitlrp_model_info_init(info);
    vitlrp_model_describe(e->model, info);
    vitlrp_session_info_init(session_info);
    vitlrp_session_describe(e->session, session_info);
    size_t patches = (size_t) session_info->grid_height * (size_t) session_info->grid_width;
    e->logits = (float *) calloc((size_t) info->classes, sizeof(float));
    e->patches = (float *) calloc(patches, sizeof(float));
    return e->logits != NULL && e->patches != NULL ? VITLRP_OK : VITLRP_NOMEM;
}

/* Photograph to model input, and the forward pass. The model's own preprocessing gives an input of
 * the session's size. */
static enum vitlrp_status predict(struct example *e, struct vitlrp_geometry *geometry) {
    struct vitlrp_preprocess preprocess;
    vitlrp_model_preprocess(e->model, &preprocess);
    enum vitlrp_status status =
        vitlrp_image_prepare(e->image, &preprocess, &e->input, geometry, &e->error);
    if (status == VITLRP_OK) {
        status = vitlrp_session_forward(e->session, e->input, e->logits, &e->error);
    }
    return status;
}

/* The relevance of each patch for the most likely class, by the default method. */
static enum vitlrp_status explain(struct example *e) {
    struct vitlrp_method_options method;
    struct vitlrp_relevance relevance;
    const struct vitlrp_target target = {e->caption.target.found.output, 1.0F};
    enum vitlrp_status status = vitlrp_method_options_init(&method, "attnlrp", &e->error);
    if (status != VITLRP_OK) {
        return status;
    }
    vitlrp_relevance_init(&relevance);
    relevance.patches = e->patches;
    status = vitlrp_session_attribute(e->session, &target, 1, &method, &relevance, &e->error);
    e->caption.method = method.method;
    e->caption.has_sums = 1;
    e->caption.explained = relevance.explained;
    e->caption.sum = relevance.sum;
    return status;
}

static enum vitlrp_status draw(struct example *e, const struct vitlrp_geometry *geometry,
                               const struct vitlrp_session_info *session_info, size_t *size) {
    struct vitlrp_render_options options;
    const struct vitlrp_map map = {e->patches, session_info->grid_height, session_info->grid_width,
                                   geometry};
    char caption[VITLRP_CAPTION_SIZE];
    enum vitlrp_status status =
        vitlrp_caption_compose(&e->caption, caption, sizeof caption, &e->error);
    if (status != VITLRP_OK) {
        return status;
    }
    vitlrp_render_options_init(&options);
    options.caption = caption;
    options.style = VITLRP_STYLE_OVERLAY;
    options.upsample = VITLRP_UPSAMPLE_BICUBIC;
    return vitlrp_render(e->image, &map, &options, &e->png, size, &e->error);
}

static int write_file(const char *path, const unsigned char *data, size_t size) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return 1;
    }
    size_t written = fwrite(data, 1, size, file);
    return fclose(file) == 0 && written == size ? 0 : 1;
}

static enum vitlrp_status run(struct example *e, char **argv, size_t *size) {
    struct vitlrp_model_info info;
    struct vitlrp_session_info session_info;
    struct vitlrp_geometry geometry;
    enum vitlrp_status status = open_all(e, argv[1], argv[2], &info, &session_info);
    if (status == VITLRP_OK) {
        status = predict(e, &geometry);
    }
    if (status != VITLRP_OK) {
        return status;
    }
    vitlrp_caption_init(&e->caption);
    e->caption.model = info.name;
    status = vitlrp_model_top(e->model, e->logits, 1, &e->caption.target, &e->error);
    if (status == VITLRP_OK) {
        status = explain(e);
    }
    if (status == VITLRP_OK) {
        const struct vitlrp_likely *best = &e->caption.target;
        printf("%s (%d): logit %.4f, of which the map holds %.4f\n", best->found.label,
               (int) best->found.index, best->logit, e->caption.sum);
        status = draw(e, &geometry, &session_info, size);
    }
    return status;
}

static void release(struct example *e) {
    vitlrp_free(e->png);
    free(e->patches);
    free(e->logits);
    vitlrp_free(e->input);
    vitlrp_session_close(e->session);
    vitlrp_image_close(e->image);
    vitlrp_model_close(e->model);
}

int main(int argc, char **argv) {
    struct example e;
    size_t size = 0;
    int failed = 1;
    if (argc != 4) {
        fprintf(stderr, "usage: explain_example MODEL IMAGE HEAT_MAP.png\n");
        return 2;
    }
    memset(&e, 0, sizeof e);
    enum vitlrp_status status = run(&e, argv, &size);
    if (status != VITLRP_OK) {
        fprintf(stderr, "%s: %s\n", vitlrp_status_name(status), e.error.message);
    } else if (write_file(argv[3], e.png, size) != 0) {
        fprintf(stderr, "cannot write %s\n", argv[3]);
    } else {
        failed = 0;
    }
    release(&e);
    return failed;
}
