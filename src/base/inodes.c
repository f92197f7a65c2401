#define _POSIX_C_SOURCE 200809L
#include "base/inodes.h"

#include <sys/stat.h>

#include "base/mem.h"

#define LEAST_PLACES 256

static struct inode *find_place(struct inode *places, size_t capacity, uint64_t device,
                                uint64_t number) {
    uint64_t hash = (number + (device << 32)) * 0x9E3779B97F4A7C15U;
    size_t at = (size_t) (hash >> 20) & (capacity - 1);
    while (places[at].used && (places[at].device != device || places[at].number != number)) {
        at = (at + 1) & (capacity - 1);
    }
    return &places[at];
}

static enum vitlrp_status grow(struct inodes *inodes, struct vitlrp_error *err) {
    size_t capacity = inodes->capacity == 0 ? LEAST_PLACES : inodes->capacity * 2;
    struct inode *places = mem_calloc(capacity, sizeof *places);
    if (places == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu files or folders", inodes->count);
    }
    for (size_t i = 0; i < inodes->capacity; i++) {
        const struct inode *old = &inodes->places[i];
        if (old->used) {
            *find_place(places, capacity, old->device, old->number) = *old;
        }
    }
    mem_free(inodes->places);
    inodes->places = places;
    inodes->capacity = capacity;
    return VITLRP_OK;
}

enum vitlrp_status inodes_add(struct inodes *inodes, const struct stat *info, size_t value,
                              bool *is_new, struct vitlrp_error *err) {
    if (inodes->count >= inodes->capacity / 2) {
        TRY(grow(inodes, err));
    }
    struct inode *place = find_place(inodes->places, inodes->capacity, info->st_dev, info->st_ino);
    *is_new = !place->used;
    if (*is_new) {
        *place = (struct inode){
            .used = true, .device = info->st_dev, .number = info->st_ino, .value = value};
        inodes->count++;
    }
    return VITLRP_OK;
}

const struct inode *inodes_find(const struct inodes *inodes, const struct stat *info) {
    if (inodes->capacity == 0) {
        return NULL;
    }
    const struct inode *place =
        find_place(inodes->places, inodes->capacity, info->st_dev, info->st_ino);
    return place->used ? place : NULL;
}

void inodes_free(struct inodes *inodes) {
    mem_free(inodes->places);
    *inodes = (struct inodes){0};
}
