#include "api/text_source.h"

#include "api/text_classes.h"
#include "base/mem.h"

enum vitlrp_status text_source_open(const struct vit_model *image,
                                    const struct vitlrp_text_options *options,
                                    struct text_source **out, struct vitlrp_error *err) {
    struct text_source *source = mem_calloc(1, sizeof *source);
    if (source == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a text tower");
    }
    atomic_init(&source->holders, 1);
    enum vitlrp_status status = text_tower_load(image, options, &source->tower, err);
    if (status == VITLRP_OK) {
        status = text_reader_open(source->tower, options, &source->reader, err);
    }
    source->reader.log = NULL;
    if (status != VITLRP_OK) {
        text_source_close(source);
        return status;
    }
    *out = source;
    return VITLRP_OK;
}

struct text_source *text_source_hold(struct text_source *source) {
    if (source != NULL) {
        atomic_fetch_add(&source->holders, 1);
    }
    return source;
}

void text_source_close(struct text_source *source) {
    if (source != NULL && atomic_fetch_sub(&source->holders, 1) == 1) {
        text_reader_close(&source->reader);
        vit_model_free(source->tower);
        mem_free(source);
    }
}

struct text_reader text_source_reader(const struct text_source *source,
                                      const struct vitlrp_log *log) {
    struct text_reader reader = source->reader;
    reader.log = log;
    return reader;
}
