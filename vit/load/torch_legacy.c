/* torch.save's container before PyTorch 1.6: five pickles (magic number, protocol, system, object,
 * keys of the storages), then each storage as a 64-bit count and its bytes. Refuses big-endian
 * files and bytes behind the last storage. */
#include <stdlib.h>
#include <string.h>

#include "base/little_endian.h"
#include "base/mem.h"
#include "vit/load/checkpoint.h"
#include "vit/load/pickle.h"
#include "vit/load/torch_state.h"

#define PROTOCOL_VERSION 1001

/* A storage that the pickle announced, and where its bytes are. */
struct legacy_storage {
    const struct pickle_value *value;
    struct extent extent;
    bool placed;
};

struct legacy_storages {
    struct legacy_storage *items; /* sorted by key, each key once */
    size_t count;
};

static int compare_keys(const struct pickle_value *a, const struct pickle_value *b) {
    size_t shorter = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->text, b->text, shorter);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare_storages(const void *left, const void *right) {
    const struct legacy_storage *a = left;
    const struct legacy_storage *b = right;
    return compare_keys(a->value, b->value);
}

static struct legacy_storage *find_key(const struct legacy_storages *storages,
                                       const struct pickle_value *key) {
    struct legacy_storage wanted = {.value = key};
    if (storages->count == 0) {
        return NULL;
    }
    return bsearch(&wanted, storages->items, storages->count, sizeof wanted, compare_storages);
}

/* Tensors may share a storage, so that it is announced several times: always as the same. */
static enum vitlrp_status collect_storages(const struct pickle *pickle, struct legacy_storages *out,
                                           struct vitlrp_error *err) {
    out->items = mem_calloc(pickle->storage_count, sizeof *out->items);
    if (out->items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the table of storages");
    }
    for (size_t i = 0; i < pickle->storage_count; i++) {
        out->items[i].value = pickle->storages[i];
    }
    qsort(out->items, pickle->storage_count, sizeof *out->items, compare_storages);
    for (size_t i = 0; i < pickle->storage_count; i++) {
        const struct pickle_value *value = out->items[i].value;
        const struct pickle_value *last = out->count > 0 ? out->items[out->count - 1].value : NULL;
        if (last == NULL || compare_keys(last, value) != 0) {
            out->items[out->count++] = out->items[i];
        } else if (last->integer != value->integer || last->type != value->type) {
            return fail(err, VITLRP_FORMAT, "a storage is announced twice, differently");
        }
    }
    return VITLRP_OK;
}

/* Walks over the storages, which start at `position`, in the order of their keys. */
static enum vitlrp_status place_storages(const struct source *source, uint64_t position,
                                         const struct pickle_value *keys,
                                         struct legacy_storages *storages,
                                         struct vitlrp_error *err) {
    if (keys->kind != PICKLE_LIST) {
        return fail(err, VITLRP_FORMAT, "its list of storages is damaged");
    }
    for (size_t i = 0; i < keys->count; i++) {
        int64_t elements = 0;
        const struct pickle_value *key = keys->items[i];
        struct legacy_storage *storage =
            key->kind == PICKLE_STRING ? find_key(storages, key) : NULL;
        if (storage == NULL || storage->placed) {
            return fail(err, VITLRP_FORMAT, "its list of storages is damaged");
        }
        if (storage->value->type == NULL) {
            char name[PICKLE_NAME_TEXT];
            return fail(err, VITLRP_UNSUPPORTED, "storages of %s are not known",
                        pickle_name(name, storage->value->maker));
        }
        TRY(source_read(source, position, &elements, sizeof elements, err));
        little_endian_turn(&elements, sizeof elements, 1);
        position += sizeof elements;
        uint64_t left = source->size - position;
        size_t size = storage->value->type->size;
        if (elements != storage->value->integer || (uint64_t) elements > left / size) {
            return fail(err, VITLRP_FORMAT,
                        "a storage has not the size that is announced, or the "
                        "file is truncated");
        }
        storage->extent.offset = position;
        storage->extent.stored = (uint64_t) elements * size;
        storage->extent.size = storage->extent.stored;
        storage->placed = true;
        position += storage->extent.size;
    }
    if (position != source->size) {
        return fail(err, VITLRP_FORMAT, "%llu trailing bytes belong to no storage",
                    (unsigned long long) (source->size - position));
    }
    return VITLRP_OK;
}

static enum vitlrp_status find_storage(const void *context, const struct pickle_value *value,
                                       struct extent *out, struct vitlrp_error *err) {
    const struct legacy_storage *storage = find_key(context, value);
    if (storage == NULL || !storage->placed) {
        return fail(err, VITLRP_FORMAT, "its storage is missing in the file");
    }
    *out = storage->extent;
    return VITLRP_OK;
}

/* The file's beginning, where its pickles stand one behind another. */
struct head {
    struct bytes bytes; /* owned */
    size_t used;        /* bytes of the pickles that were read */
    size_t max_opcodes;
};

static enum vitlrp_status next_pickle(struct head *head, struct pickle *out,
                                      struct vitlrp_error *err) {
    size_t consumed = 0;
    TRY(pickle_parse(head->bytes.data + head->used, head->bytes.size - head->used,
                     head->max_opcodes, &consumed, out, err));
    head->used += consumed;
    return VITLRP_OK;
}

/* Passes the magic number, the protocol and the system's description. */
static enum vitlrp_status read_preamble(struct head *head, struct vitlrp_error *err) {
    struct pickle pickle = {0};
    enum vitlrp_status status = VITLRP_OK;
    TRY_GOTO(status, next_pickle(head, &pickle, err), cleanup);
    pickle_free(&pickle);
    TRY_GOTO(status, next_pickle(head, &pickle, err), cleanup);
    if (pickle.root->kind != PICKLE_INT || pickle.root->integer != PROTOCOL_VERSION) {
        status = fail(err, VITLRP_UNSUPPORTED, "an unknown version of PyTorch's old container");
        goto cleanup;
    }
    pickle_free(&pickle);
    TRY_GOTO(status, next_pickle(head, &pickle, err), cleanup);
    const struct pickle_value *little = pickle_get(pickle.root, "little_endian");
    if (little == NULL || little->kind != PICKLE_BOOL || little->integer != 1) {
        status = fail(err, VITLRP_UNSUPPORTED, "saved on a big-endian machine, which is not read");
    }

cleanup:
    pickle_free(&pickle);
    return status;
}

enum vitlrp_status torch_legacy_read(const struct source *source, struct checkpoint *out,
                                     struct vitlrp_error *err) {
    struct head head = {.max_opcodes = out->limits->max_pickle_opcodes};
    struct pickle object = {0};
    struct pickle keys = {0};
    struct legacy_storages storages = {0};
    enum vitlrp_status status = VITLRP_OK;
    uint64_t most = out->limits->max_table_bytes;
    uint64_t size = source->size < most ? source->size : most;
    struct extent extent = {.stored = size, .size = size};
    TRY(payload_read_all(source, &extent, most, &head.bytes, err));
    TRY_GOTO(status, read_preamble(&head, err), cleanup);
    TRY_GOTO(status, next_pickle(&head, &object, err), cleanup);
    TRY_GOTO(status, next_pickle(&head, &keys, err), cleanup);
    TRY_GOTO(status, collect_storages(&object, &storages, err), cleanup);
    TRY_GOTO(status, place_storages(source, head.used, keys.root, &storages, err), cleanup);
    struct storage_finder finder = {find_storage, &storages};
    out->container = "pytorch legacy";
    status = torch_state_read(&object, &finder, out, err);

cleanup:
    mem_free(storages.items);
    pickle_free(&keys);
    pickle_free(&object);
    bytes_free(&head.bytes);
    return status;
}
