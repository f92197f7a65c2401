/* Reads shards and holds them against their index. Refuses any difference between the two, and
 * names that leave the index's folder. */
#include "vit/load/shards.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "vit/load/adapter.h"
#include "vit/load/find.h"

#define MAX_INDEX ((size_t) 16 << 20)
#define MAX_SHARDS ((size_t) 256)

/* The names of the shards, each once, in the order of their names. */
struct names {
    const char **items; /* owned; the strings are the index's */
    size_t count;
};

static int compare_names(const void *left, const void *right) {
    return strcmp(*(const char *const *) left, *(const char *const *) right);
}

static bool is_plain_name(const char *name) {
    return name[0] != '\0' && name[0] != '.' && strpbrk(name, "/\\") == NULL &&
           strstr(name, "..") == NULL;
}

static enum vitlrp_status collect_names(const json_t *map, struct names *out,
                                        struct vitlrp_error *err) {
    const char *tensor;
    json_t *file;
    char label[TENSOR_LABEL_TEXT];
    size_t count = 0;
    out->items = mem_calloc(json_object_size(map), sizeof *out->items);
    if (out->items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the names of shards");
    }
    json_object_foreach((json_t *) map, tensor, file) {
        if (!json_is_string(file) || !is_plain_name(json_string_value(file))) {
            return fail(err, VITLRP_FORMAT, "tensor %s is in no file of the index's folder",
                        tensor_label(label, tensor));
        }
        out->items[count++] = json_string_value(file);
    }
    qsort(out->items, count, sizeof *out->items, compare_names);
    for (size_t i = 0; i < count; i++) {
        if (out->count == 0 || strcmp(out->items[out->count - 1], out->items[i]) != 0) {
            out->items[out->count++] = out->items[i];
        }
    }
    if (out->count == 0) {
        return fail(err, VITLRP_FORMAT, "its weight_map is missing or empty");
    }
    return out->count <= MAX_SHARDS
               ? VITLRP_OK
               : fail(err, VITLRP_LIMIT, "names %zu shards; at most %zu are read", out->count,
                      MAX_SHARDS);
}

/* Opens a file of the index's folder. */
static enum vitlrp_status open_file(const char *path, const char *name,
                                    const struct vit_load_options *options, struct vit_file *file,
                                    struct vitlrp_error *err) {
    char joined[PATH_SIZE];
    TRY(path_join(joined, path, false, name, err));
    return vit_origin_open(file, joined, name, options->inputs, err);
}

static enum vitlrp_status read_index(const struct source *source, size_t max_memory, json_t **out,
                                     struct vitlrp_error *err) {
    struct extent extent = {.stored = source->size, .size = source->size};
    struct bytes text = {0};
    TRY(payload_read_all(source, &extent, MAX_INDEX, &text, err));
    enum vitlrp_status status =
        json_parse_within((const char *) text.data, text.size, max_memory, out, err);
    bytes_free(&text);
    return status;
}

/* Appends a shard's tensors. */
static enum vitlrp_status add_tensors(const struct tensor_table *tensors, const char *name,
                                      const json_t *map, struct checkpoint *out,
                                      struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tensor_info *tensor = &tensors->items[i];
        const char *wanted = json_get_string(map, tensor->name);
        if (wanted == NULL || strcmp(wanted, name) != 0) {
            return fail(err, VITLRP_MISMATCH, "has the tensor %s, which the index has %s",
                        tensor_label(label, tensor->name),
                        wanted == NULL ? "nowhere" : "in another file");
        }
        TRY(tensor_table_add(&out->tensors, tensor, tensor->name, strlen(tensor->name), err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_shard(const struct vit_file *file,
                                     const struct checkpoint_options *reading, const json_t *map,
                                     struct checkpoint *out, struct vitlrp_error *err) {
    struct checkpoint shard = {0};
    TRY(checkpoint_open(&file->source, reading, &shard, err));
    enum vitlrp_status status = add_tensors(&shard.tensors, file->name, map, out, err);
    out->container = shard.container;
    out->weight_set = shard.weight_set;
    checkpoint_close(&shard);
    return status;
}

/* All files together are held against the limit of one. */
static enum vitlrp_status check_size(const struct vit_origin *origin, uint64_t limit,
                                     struct vitlrp_error *err) {
    uint64_t size = 0;
    for (size_t i = 0; i < origin->file_count; i++) {
        uint64_t more = origin->files[i].source.size;
        if (more > limit - size) {
            return fail_limit(err, "the shards have more than the limit of %llu bytes",
                              (unsigned long long) limit);
        }
        size += more;
    }
    return VITLRP_OK;
}

/* Every tensor of the index was found: as many were added, and each is in the index. */
static enum vitlrp_status check_complete(const json_t *map, const struct checkpoint *out,
                                         struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    const char *name;
    json_t *file;
    size_t at = 0;
    TRY(tensor_table_check_unique(&out->tensors, err));
    if (out->tensors.count == json_object_size(map)) {
        return VITLRP_OK;
    }
    json_object_foreach((json_t *) map, name, file) {
        for (at = 0; at < out->tensors.count && strcmp(out->tensors.items[at].name, name) != 0;
             at++) {
        }
        if (at == out->tensors.count) {
            return fail(err, VITLRP_MISMATCH, "tensor %s is missing in %s",
                        tensor_label(label, name), json_string_value(file));
        }
    }
    return fail(err, VITLRP_INTERNAL, "an index of shards does not add up");
}

/* An index and what belongs to it. */
struct shards {
    const char *path;
    const struct vit_load_options *options;
    const struct checkpoint_options *reading;
    struct vit_file file; /* of the index, until the origin has it */
    json_t *index;        /* owned */
    struct names names;
};

/* The files behind the index's go to the origin, their tensors to the checkpoint. */
static enum vitlrp_status read_shards(const struct shards *shards, struct vit_origin *origin,
                                      struct checkpoint *out, struct vitlrp_error *err) {
    const json_t *map = json_object_get(shards->index, "weight_map");
    for (size_t i = 0; i < shards->names.count; i++) {
        TRY(open_file(shards->path, shards->names.items[i], shards->options, &origin->files[i + 1],
                      err));
    }
    TRY(check_size(origin, shards->reading->limits->max_bytes, err));
    for (size_t i = 0; i < shards->names.count; i++) {
        const struct vit_file *file = &origin->files[i + 1];
        TRY(error_prefix(err, read_shard(file, shards->reading, map, out, err), file->name));
    }
    return check_complete(map, out, err);
}

static enum vitlrp_status open_index(struct shards *shards, struct vit_origin *origin,
                                     struct vitlrp_error *err) {
    TRY(open_file(shards->path, text_path_tail(shards->path, 1), shards->options, &shards->file,
                  err));
    TRY(read_index(&shards->file.source, shards->reading->limits->max_json_bytes, &shards->index,
                   err));
    TRY(collect_names(json_object_get(shards->index, "weight_map"), &shards->names, err));
    size_t more = shards->options->adapter_path == NULL ? 0 : ADAPTER_FILES;
    return vit_origin_reserve(origin, shards->names.count + 1 + more, err);
}

enum vitlrp_status shards_open(const char *path, const struct vit_load_options *options,
                               const struct checkpoint_options *reading, struct vit_origin *origin,
                               struct checkpoint *out, struct vitlrp_error *err) {
    struct shards shards = {.path = path, .options = options, .reading = reading};
    shards.file.source.descriptor = -1;
    enum vitlrp_status status = open_index(&shards, origin, err);
    if (status == VITLRP_OK) {
        origin->files[0] = shards.file;
        *out = (struct checkpoint){.limits = reading->limits,
                                   .log = reading->log,
                                   .weights = reading->weights,
                                   .tensors = {.limit = reading->limits->max_tensors}};
        status = read_shards(&shards, origin, out, err);
    } else {
        source_close(&shards.file.source);
        mem_free(shards.file.name);
    }
    mem_free(shards.names.items);
    json_decref(shards.index);
    return status;
}
