/* state.bin: a header, the arrays of an index one behind the other, and the SHA-256 of all that.
 * Numbers are little-endian. An index of both kinds is written as version 1, which had no others.
 */
#include <string.h>

#include "base/checked.h"
#include "base/draft.h"
#include "base/file.h"
#include "base/little_endian.h"
#include "base/unit_index.h"

#define MOST_BYTES ((size_t) 1 << 34)
#define PIECE ((size_t) 1 << 14)

#define MAGIC ((size_t) 16)

static const char MAGICS[][MAGIC] = {"vitlrp index 1\n", "vitlrp index 2\n"};

enum { BLOCKS, WIDTH, PARTS, KEEP, IMAGES, SIZES };

struct header {
    char magic[MAGIC];
    uint64_t sizes[SIZES];
    char settings[UNIT_INDEX_DIGEST];
};

/* Behind the header of version 2. */
struct more {
    uint64_t kinds, classes;
};

static bool needs_more(const struct unit_index_shape *shape) {
    return shape->kinds != UNIT_INDEX_ALL_KINDS || shape->classes > 0;
}

static size_t header_size(const struct unit_index_shape *shape) {
    return sizeof(struct header) + (needs_more(shape) ? sizeof(struct more) : 0);
}

struct section {
    void *data;
    size_t item_size;
    size_t count;
};

#define SECTIONS ((size_t) 4 * UNIT_INDEX_KINDS + 5)

/* The arrays of the index, in the order of the file; those of a kind that is not kept are empty. */
static void list_sections(const struct unit_index *index, struct section *out) {
    size_t units = unit_index_units(&index->shape);
    for (size_t kind = 0; kind < UNIT_INDEX_KINDS; kind++) {
        const struct topk *best = &index->best[kind];
        size_t entries = best->units * best->keep;
        *out++ = (struct section){best->score, sizeof *best->score, entries};
        *out++ = (struct section){best->image, sizeof *best->image, entries};
        *out++ = (struct section){best->target, sizeof *best->target, entries};
        *out++ = (struct section){best->token, sizeof *best->token, entries};
    }
    *out++ = (struct section){index->sums, sizeof *index->sums, units * UNIT_INDEX_SUMS};
    *out++ = (struct section){index->part_sums, sizeof *index->part_sums,
                              index->part_sums == NULL ? 0 : unit_index_part_sums(&index->shape)};
    *out++ =
        (struct section){index->class_images, sizeof *index->class_images, index->shape.classes};
    *out++ = (struct section){index->class_digests, 1, index->shape.classes * UNIT_INDEX_DIGEST};
    *out = (struct section){index->done, 1, unit_index_done_bytes(&index->shape)};
}

static enum vitlrp_status put(struct draft *draft, struct sha256 *hash, const void *data,
                              size_t size, struct vitlrp_error *err) {
    sha256_add(hash, data, size);
    return draft_write(draft, data, size, err);
}

static enum vitlrp_status put_section(struct draft *draft, struct sha256 *hash,
                                      const struct section *section, struct vitlrp_error *err) {
    unsigned char piece[PIECE];
    const unsigned char *from = section->data;
    size_t most = PIECE / section->item_size;
    for (size_t left = section->count; left > 0;) {
        size_t count = size_min(left, most);
        size_t size = count * section->item_size;
        little_endian_copy(piece, from, section->item_size, count);
        TRY(put(draft, hash, piece, size, err));
        from += size;
        left -= count;
    }
    return VITLRP_OK;
}

static enum vitlrp_status put_all(const struct unit_index *index, const char *settings,
                                  struct draft *draft, struct sha256 *hash,
                                  struct vitlrp_error *err) {
    const struct unit_index_shape *shape = &index->shape;
    struct section sections[SECTIONS];
    struct header header = {.sizes = {[BLOCKS] = shape->blocks,
                                      [WIDTH] = shape->width,
                                      [PARTS] = shape->parts,
                                      [KEEP] = shape->keep,
                                      [IMAGES] = shape->images}};
    struct more more = {shape->kinds, shape->classes};
    little_endian_turn(header.sizes, sizeof *header.sizes, SIZES);
    little_endian_turn(&more, sizeof(uint64_t), sizeof more / sizeof(uint64_t));
    memcpy(header.magic, MAGICS[needs_more(shape) ? 1 : 0], MAGIC);
    memcpy(header.settings, settings, UNIT_INDEX_DIGEST);
    list_sections(index, sections);
    TRY(put(draft, hash, &header, sizeof header, err));
    if (needs_more(shape)) {
        TRY(put(draft, hash, &more, sizeof more, err));
    }
    for (size_t i = 0; i < SECTIONS; i++) {
        TRY(put_section(draft, hash, &sections[i], err));
    }
    return VITLRP_OK;
}

enum vitlrp_status unit_index_write(const struct unit_index *index, const char *settings,
                                    int folder, const char *name, struct vitlrp_error *err) {
    const struct draft_place place = {.folder = folder, .name = name, .staging = -1};
    char digest[SHA256_TEXT];
    struct draft draft;
    TRY(draft_open(&place, &draft, err));
    struct sha256 hash = sha256_begin();
    enum vitlrp_status status = put_all(index, settings, &draft, &hash, err);
    status = sha256_finish(&hash, status, digest, err);
    if (status == VITLRP_OK) {
        status = draft_write(&draft, digest, UNIT_INDEX_DIGEST, err);
    }
    return draft_finish(&draft, status, err);
}

/* Bytes of a file of that shape, whose kinds there are; false if it is none, or larger than any
 * file. */
static bool file_size(const struct unit_index_shape *shape, size_t *out) {
    const size_t of_entry = sizeof(float) + 2 * sizeof(uint32_t) + sizeof(uint16_t);
    const size_t kinds = (size_t) __builtin_popcount(shape->kinds);
    size_t units;
    size_t entries;
    size_t parts = 0;
    size_t classes = 0;
    bool has_all = shape->blocks > 0 && shape->width > 0 && shape->parts > 0 && shape->keep > 0 &&
                   shape->images > 0;
    return has_all && checked_mul(&units, shape->blocks, shape->width) &&
           checked_mul(&entries, units, shape->keep) &&
           checked_mul(&entries, entries, kinds * of_entry) &&
           (shape->parts == 1 || (checked_mul(&parts, units, shape->parts) &&
                                  checked_mul(&parts, parts, 2 * sizeof(int64_t)))) &&
           checked_mul(&units, units, UNIT_INDEX_SUMS * sizeof(int64_t)) &&
           checked_add(out, header_size(shape) + UNIT_INDEX_DIGEST, units) &&
           checked_mul(&classes, shape->classes, sizeof(uint64_t) + UNIT_INDEX_DIGEST) &&
           checked_add(out, *out, entries) && checked_add(out, *out, parts) &&
           checked_add(out, *out, classes) && checked_add(out, *out, unit_index_done_bytes(shape));
}

static enum vitlrp_status check_digest(const struct bytes *file, struct vitlrp_error *err) {
    char digest[SHA256_TEXT];
    TRY(sha256_bytes(file->data, file->size - UNIT_INDEX_DIGEST, digest, err));
    if (memcmp(digest, file->data + file->size - UNIT_INDEX_DIGEST, UNIT_INDEX_DIGEST) != 0) {
        return fail(err, VITLRP_FORMAT, "damaged: its checksum is another one");
    }
    return VITLRP_OK;
}

/* What version 2 has behind its header; an index of all kinds has none. */
static bool take_more(const struct bytes *file, struct unit_index_shape *shape) {
    struct more more;
    if (file->size < sizeof(struct header) + sizeof more + UNIT_INDEX_DIGEST) {
        return false;
    }
    memcpy(&more, file->data + sizeof(struct header), sizeof more);
    little_endian_turn(&more, sizeof(uint64_t), sizeof more / sizeof(uint64_t));
    if (more.kinds == 0 || more.kinds > UNIT_INDEX_ALL_KINDS) {
        return false;
    }
    shape->kinds = (unsigned) more.kinds;
    shape->classes = more.classes;
    return needs_more(shape);
}

/* A header that agrees with the file's size and checksum. */
static enum vitlrp_status take_header(const struct bytes *file, struct header *header,
                                      struct unit_index_shape *shape, struct vitlrp_error *err) {
    size_t size;
    size_t version = 0;
    bool is_long = file->size >= sizeof *header + UNIT_INDEX_DIGEST;
    while (is_long && version < 2 && memcmp(file->data, MAGICS[version], MAGIC) != 0) {
        version++;
    }
    if (!is_long || version == 2) {
        return fail(err, VITLRP_FORMAT, "not the state of an index of units of this version");
    }
    memcpy(header, file->data, sizeof *header);
    little_endian_turn(header->sizes, sizeof *header->sizes, SIZES);
    *shape = (struct unit_index_shape){header->sizes[BLOCKS],
                                       header->sizes[WIDTH],
                                       header->sizes[PARTS],
                                       header->sizes[KEEP],
                                       header->sizes[IMAGES],
                                       UNIT_INDEX_ALL_KINDS,
                                       0};
    if (version == 1 && !take_more(file, shape)) {
        return fail(err, VITLRP_FORMAT, "not of kinds that an index of units has");
    }
    if (!file_size(shape, &size) || size != file->size) {
        return fail(err, VITLRP_FORMAT, "truncated: not of the size that its beginning states");
    }
    return check_digest(file, err);
}

static bool are_sums(const int64_t *sums, size_t count, int64_t most) {
    for (size_t i = 0; i < count; i++) {
        if (sums[i] > most || sums[i] < -most) {
            return false;
        }
    }
    return true;
}

static size_t count_done(const struct unit_index *index) {
    size_t count = 0;
    for (size_t i = 0; i < unit_index_done_bytes(&index->shape); i++) {
        count += (size_t) __builtin_popcount(index->done[i]);
    }
    return count;
}

/* No bits behind the last image: there are no more images than that, so the product in is_sound
 * cannot overflow. */
static bool ends_with_images(const struct unit_index *index) {
    size_t images = index->shape.images;
    return images % 8 == 0 || index->done[images / 8] >> images % 8 == 0;
}

/* Each image has a class, and each class with images a hash. */
static bool are_classes(const struct unit_index *index) {
    size_t left = index->count;
    for (size_t i = 0; i < index->shape.classes; i++) {
        const char *digest = index->class_digests + i * UNIT_INDEX_DIGEST;
        char text[SHA256_TEXT] = "";
        memcpy(text, digest, UNIT_INDEX_DIGEST);
        bool is_known = index->class_images[i] > 0 ? sha256_is_text(text) : digest[0] == '\0';
        if (index->class_images[i] > left || !is_known) {
            return false;
        }
        left -= index->class_images[i];
    }
    return index->shape.classes == 0 || left == 0;
}

/* That of the images that are done: so are those of every entry, and sums cannot overflow when such
 * indexes are merged. */
static bool is_sound(const struct unit_index *index) {
    const struct unit_index_shape *shape = &index->shape;
    size_t units = unit_index_units(shape);
    size_t filled = size_min(index->count, shape->keep);
    if (!ends_with_images(index) || !are_classes(index)) {
        return false;
    }
    int64_t most = unit_index_most(shape->images) * (int64_t) index->count;
    bool sound =
        are_sums(index->sums, units * UNIT_INDEX_SUMS, most) &&
        (index->part_sums == NULL || are_sums(index->part_sums, unit_index_part_sums(shape), most));
    for (size_t i = 0; sound && i < UNIT_INDEX_KINDS * units; i++) {
        const struct topk *best = &index->best[i / units];
        if (!unit_index_keeps(shape, i / units)) {
            continue;
        }
        sound = topk_is_sound(best, i % units, filled, shape->images);
        for (size_t entry = 0; sound && entry < filled; entry++) {
            sound = unit_index_has(index, best->image[i % units * shape->keep + entry]);
        }
    }
    return sound;
}

static enum vitlrp_status take(const struct bytes *file, char *settings, struct unit_index *out,
                               struct vitlrp_error *err) {
    struct header header;
    struct unit_index_shape shape;
    struct section sections[SECTIONS];
    TRY(take_header(file, &header, &shape, err));
    TRY(unit_index_open(&shape, out, err));
    const unsigned char *from = file->data + header_size(&shape);
    list_sections(out, sections);
    for (size_t i = 0; i < SECTIONS; i++) {
        little_endian_copy(sections[i].data, from, sections[i].item_size, sections[i].count);
        from += sections[i].item_size * sections[i].count;
    }
    out->count = count_done(out);
    if (!is_sound(out)) {
        return fail(err, VITLRP_FORMAT, "not what images leave in an index of units");
    }
    memcpy(settings, header.settings, UNIT_INDEX_DIGEST);
    settings[UNIT_INDEX_DIGEST] = '\0';
    return VITLRP_OK;
}

enum vitlrp_status unit_index_read(int folder, const char *name, char settings[SHA256_TEXT],
                                   struct unit_index *out, struct vitlrp_error *err) {
    struct bytes file = {0};
    *out = (struct unit_index){0};
    enum vitlrp_status status = file_read_below(folder, name, MOST_BYTES, &file, err);
    if (status == VITLRP_OK) {
        status = take(&file, settings, out, err);
    }
    bytes_free(&file);
    return error_prefix(err, status, name);
}
