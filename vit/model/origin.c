/* The files of a model's weights. Refuses to take those for read that changed meanwhile. */
#include "vit/model/origin.h"

#include <string.h>

#include "base/mem.h"

enum vitlrp_status vit_origin_reserve(struct vit_origin *origin, size_t count,
                                      struct vitlrp_error *err) {
    origin->files = mem_calloc(count, sizeof *origin->files);
    if (origin->files == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a list of files");
    }
    origin->file_count = count;
    for (size_t i = 0; i < count; i++) {
        origin->files[i].source.descriptor = -1;
    }
    return VITLRP_OK;
}

enum vitlrp_status vit_origin_set(struct vit_file *file, const char *name,
                                  const struct source *source, struct vitlrp_error *err) {
    file->source = *source;
    if (name != NULL) {
        file->name = mem_strdup(name);
        if (file->name == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for a list of files");
        }
    }
    return file_state_take(source, &file->state, err);
}

enum vitlrp_status vit_origin_open(struct vit_file *file, const char *path, const char *name,
                                   const struct vitlrp_inputs *inputs, struct vitlrp_error *err) {
    struct source source;
    TRY(file_tell(inputs, path, err));
    TRY(source_open(path, &source, err));
    return error_prefix(err, vit_origin_set(file, name, &source, err), path);
}

enum vitlrp_status vit_origin_check(const struct vit_origin *origin, struct vitlrp_error *err) {
    for (size_t i = 0; i < origin->file_count; i++) {
        const struct vit_file *file = &origin->files[i];
        enum vitlrp_status status = file_state_check(&file->source, &file->state, err);
        if (status != VITLRP_OK) {
            return file->name == NULL ? status : error_prefix(err, status, file->name);
        }
    }
    return VITLRP_OK;
}

/* False if it is another file beside the weights than the one of its name, if that has one. */
static bool is_same_sidecar(const struct vit_sidecar *sidecar, const struct vit_origin *first) {
    for (size_t i = 0; i < first->sidecar_count; i++) {
        const struct vit_sidecar *known = &first->sidecars[i];
        if (strcmp(known->name, sidecar->name) == 0) {
            return known->bytes.size == sidecar->bytes.size &&
                   memcmp(known->bytes.data, sidecar->bytes.data, known->bytes.size) == 0;
        }
    }
    return true;
}

enum vitlrp_status vit_origin_compare(const struct vit_origin *origin,
                                      const struct vit_origin *first, struct vitlrp_error *err) {
    bool same = origin->file_count == first->file_count;
    for (size_t i = 0; same && i < origin->file_count; i++) {
        same = file_state_equal(&origin->files[i].state, &first->files[i].state);
    }
    for (size_t i = 0; same && i < origin->sidecar_count; i++) {
        same = is_same_sidecar(&origin->sidecars[i], first);
    }
    return same ? VITLRP_OK
                : fail(err, VITLRP_IO, "changed since the model was opened: open it again");
}

void vit_origin_close(struct vit_origin *origin) {
    for (size_t i = 0; i < origin->file_count; i++) {
        source_close(&origin->files[i].source);
        mem_free(origin->files[i].name);
    }
    mem_free(origin->files);
    for (size_t i = 0; i < origin->sidecar_count; i++) {
        bytes_free(&origin->sidecars[i].bytes);
    }
    *origin = (struct vit_origin){0};
}
