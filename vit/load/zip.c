/* Zip directories, with the zip64 extension (PKWARE's APPNOTE 6.3). Refuses archives in several
 * parts, encrypted or exotically compressed entries, and names that would leave a folder. */
#include "vit/load/zip.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vit/load/tensor.h"

#define MAX_NAME ((size_t) 4096)

#define LOCAL_SIGNATURE 0x04034B50U
#define CENTRAL_SIGNATURE 0x02014B50U
#define END_SIGNATURE 0x06054B50U
#define END64_SIGNATURE 0x06064B50U
#define LOCATOR64_SIGNATURE 0x07064B50U

#define LOCAL_SIZE ((size_t) 30)
#define CENTRAL_SIZE ((size_t) 46)
#define END_SIZE ((size_t) 22)
#define END64_SIZE ((size_t) 56)
#define LOCATOR64_SIZE ((size_t) 20)

#define FLAG_ENCRYPTED 0x0001U
#define FLAG_DESCRIPTOR 0x0008U /* sizes and checksum follow the data, not in the local header */
#define FLAG_STRONG 0x0040U
#define FLAG_MASKED 0x2000U
/* Beside the descriptor: how hard deflate tried, and that names are UTF-8. */
#define FLAGS_KNOWN (FLAG_DESCRIPTOR | 0x0006U | 0x0800U)

static uint16_t get16(const unsigned char *bytes) {
    return (uint16_t) (bytes[0] | bytes[1] << 8);
}

static uint32_t get32(const unsigned char *bytes) {
    return (uint32_t) get16(bytes) | (uint32_t) get16(bytes + 2) << 16;
}

static uint64_t get64(const unsigned char *bytes) {
    return (uint64_t) get32(bytes) | (uint64_t) get32(bytes + 4) << 32;
}

/* Where the central directory lies. */
struct directory {
    uint64_t offset, size, entries;
};

/* Replaces what does not fit the end record's fields by those of the zip64 end record. */
static enum vitlrp_status read_end64(const struct source *source, uint64_t end,
                                     struct directory *out, struct vitlrp_error *err) {
    unsigned char locator[LOCATOR64_SIZE];
    unsigned char record[END64_SIZE];
    if (end < LOCATOR64_SIZE) {
        return VITLRP_OK;
    }
    TRY(source_read(source, end - LOCATOR64_SIZE, locator, sizeof locator, err));
    if (get32(locator) != LOCATOR64_SIGNATURE) {
        return VITLRP_OK;
    }
    TRY(source_read(source, get64(locator + 8), record, sizeof record, err));
    if (get32(record) != END64_SIGNATURE || get32(record + 16) != 0 || get32(record + 20) != 0 ||
        get64(record + 24) != get64(record + 32)) {
        return fail(err, VITLRP_FORMAT, "damaged zip64 directory");
    }
    *out = (struct directory){
        .offset = get64(record + 48), .size = get64(record + 40), .entries = get64(record + 32)};
    return VITLRP_OK;
}

/* The end record stands last, except for a comment, whose length it states. */
static enum vitlrp_status find_directory(const struct source *source, struct directory *out,
                                         struct vitlrp_error *err) {
    unsigned char *tail = NULL;
    size_t size = END_SIZE + 0xFFFF;
    enum vitlrp_status status = VITLRP_OK;
    size = source->size < size ? (size_t) source->size : size;
    tail = mem_calloc(size, 1);
    if (tail == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a zip directory");
    }
    TRY_GOTO(status, source_read(source, source->size - size, tail, size, err), cleanup);
    status = fail(err, VITLRP_FORMAT, "truncated: the zip archive has no directory at its end");
    for (size_t at = size < END_SIZE ? 0 : size - END_SIZE + 1; at-- > 0;) {
        const unsigned char *end = tail + at;
        if (get32(end) != END_SIGNATURE || at + END_SIZE + get16(end + 20) != size) {
            continue;
        }
        bool is_whole = get16(end + 4) == 0 && get16(end + 6) == 0;
        if (!is_whole || get16(end + 8) != get16(end + 10)) {
            status = fail(err, VITLRP_UNSUPPORTED, "a zip archive in several parts");
            break;
        }
        *out = (struct directory){get32(end + 16), get32(end + 12), get16(end + 10)};
        status = read_end64(source, source->size - size + at, out, err);
        break;
    }

cleanup:
    mem_free(tail);
    return status;
}

/* The sizes and the offset that a central record moved to its zip64 field, in this order. */
static bool read_zip64_field(const unsigned char *extra, size_t length, struct extent *extent) {
    uint64_t *fields[] = {&extent->size, &extent->stored, &extent->offset};
    while (length >= 4) {
        size_t size = get16(extra + 2);
        if (size > length - 4) {
            return false;
        }
        if (get16(extra) == 1) {
            const unsigned char *next = extra + 4;
            for (size_t i = 0; i < 3; i++) {
                if (*fields[i] != UINT32_MAX) {
                    continue;
                }
                if (size < 8) {
                    return false;
                }
                *fields[i] = get64(next);
                next += 8;
                size -= 8;
            }
            return true;
        }
        extra += 4 + size;
        length -= 4 + size;
    }
    return true;
}

static bool name_is_safe(const char *name, size_t length) {
    if (length == 0 || length > MAX_NAME || name[0] == '/' || memchr(name, '\0', length) != NULL ||
        memchr(name, '\\', length) != NULL) {
        return false;
    }
    for (size_t start = 0; start <= length;) {
        const char *slash = start < length ? memchr(name + start, '/', length - start) : NULL;
        size_t end = slash == NULL ? length : (size_t) (slash - name);
        if (end - start == 2 && memcmp(name + start, "..", 2) == 0) {
            return false;
        }
        start = end + 1;
    }
    return true;
}

static enum vitlrp_status check_kind(const unsigned char *record, const char *name,
                                     struct vitlrp_error *err) {
    char label[TENSOR_LABEL_TEXT];
    uint16_t flags = get16(record + 8);
    uint16_t method = get16(record + 10);
    if ((flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)) != 0) {
        return fail(err, VITLRP_UNSUPPORTED, "zip entry %s is encrypted",
                    tensor_label(label, name));
    }
    if ((flags & ~FLAGS_KNOWN) != 0) {
        return fail(err, VITLRP_UNSUPPORTED, "zip entry %s is of a kind that is not read",
                    tensor_label(label, name));
    }
    if (get16(record + 34) != 0) {
        return fail(err, VITLRP_UNSUPPORTED, "zip entry %s lies in another part of the archive",
                    tensor_label(label, name));
    }
    if (method != 0 && method != 8) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "zip entry %s is compressed by method %u; only stored and deflate are read",
                    tensor_label(label, name), method);
    }
    return VITLRP_OK;
}

/* One central record at `record`, `available` bytes to the end of the directory. The extent's
 * offset is still that of the local header. *taken gets the record's length. */
static enum vitlrp_status read_record(const unsigned char *record, size_t available,
                                      struct zip *zip, size_t *taken, struct vitlrp_error *err) {
    if (available < CENTRAL_SIZE || get32(record) != CENTRAL_SIGNATURE) {
        return fail(err, VITLRP_FORMAT, "damaged zip directory");
    }
    size_t name_length = get16(record + 28);
    size_t extra_length = get16(record + 30);
    *taken = CENTRAL_SIZE + name_length + extra_length + get16(record + 32);
    if (*taken > available) {
        return fail(err, VITLRP_FORMAT, "damaged zip directory");
    }
    const char *name = (const char *) record + CENTRAL_SIZE;
    if (!name_is_safe(name, name_length)) {
        return fail(err, VITLRP_FORMAT,
                    "a zip entry's name is empty, too long or points outside of its folder");
    }
    struct zip_entry *entry = &zip->entries[zip->count];
    entry->extent = (struct extent){.offset = get32(record + 42),
                                    .stored = get32(record + 20),
                                    .size = get32(record + 24),
                                    .deflated = get16(record + 10) == 8,
                                    .has_crc = true,
                                    .crc = get32(record + 16)};
    entry->name = mem_calloc(name_length + 1, 1);
    if (entry->name == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a zip directory");
    }
    memcpy(entry->name, name, name_length);
    zip->count++;
    if (!read_zip64_field(record + CENTRAL_SIZE + name_length, extra_length, &entry->extent)) {
        return fail(err, VITLRP_FORMAT, "damaged zip directory");
    }
    return check_kind(record, entry->name, err);
}

/* Checks the local header and moves the extent's offset from it to the data behind it. */
static enum vitlrp_status resolve_entry(const struct zip *zip, struct zip_entry *entry,
                                        struct vitlrp_error *err) {
    unsigned char header[LOCAL_SIZE];
    char name[MAX_NAME];
    struct extent *extent = &entry->extent;
    size_t length = strlen(entry->name);
    TRY(source_read(zip->source, extent->offset, header, sizeof header, err));
    if (get32(header) != LOCAL_SIGNATURE || get16(header + 26) != length ||
        (get16(header + 8) == 8) != extent->deflated) {
        return fail(err, VITLRP_FORMAT, "its local header disagrees with the directory");
    }
    TRY(source_read(zip->source, extent->offset + LOCAL_SIZE, name, length, err));
    bool agrees = memcmp(name, entry->name, length) == 0;
    if ((get16(header + 6) & FLAG_DESCRIPTOR) == 0) {
        uint32_t stored = get32(header + 18);
        uint32_t size = get32(header + 22);
        agrees = agrees && (stored == UINT32_MAX || stored == extent->stored) &&
                 (size == UINT32_MAX || size == extent->size) && get32(header + 14) == extent->crc;
    }
    if (!agrees || (!extent->deflated && extent->stored != extent->size)) {
        return fail(err, VITLRP_FORMAT, "its local header disagrees with the directory");
    }
    /* From the local header: its extra field, which pads the data to an alignment, is its own. */
    extent->offset += LOCAL_SIZE + length + get16(header + 28);
    return VITLRP_OK;
}

static int compare_offsets(const void *left, const void *right) {
    const struct zip_entry *a = left;
    const struct zip_entry *b = right;
    return a->extent.offset < b->extent.offset ? -1 : a->extent.offset > b->extent.offset;
}

static int compare_entries(const void *left, const void *right) {
    const struct zip_entry *a = left;
    const struct zip_entry *b = right;
    return strcmp(a->name, b->name);
}

/* Entries must lie one behind the other, before the directory. */
static enum vitlrp_status check_overlaps(struct zip *zip, uint64_t limit,
                                         struct vitlrp_error *err) {
    qsort(zip->entries, zip->count, sizeof *zip->entries, compare_offsets);
    for (size_t i = 0; i < zip->count; i++) {
        struct zip_entry *entry = &zip->entries[i];
        uint64_t end = i + 1 < zip->count ? zip->entries[i + 1].extent.offset : limit;
        enum vitlrp_status status = resolve_entry(zip, entry, err);
        if (status == VITLRP_OK &&
            (entry->extent.offset > end || entry->extent.stored > end - entry->extent.offset)) {
            status = fail(err, VITLRP_FORMAT, "overlaps what follows it");
        }
        TRY(tensor_error_prefix(err, status, "zip entry", entry->name));
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_names(struct zip *zip, struct vitlrp_error *err) {
    qsort(zip->entries, zip->count, sizeof *zip->entries, compare_entries);
    for (size_t i = 1; i < zip->count; i++) {
        if (strcmp(zip->entries[i - 1].name, zip->entries[i].name) == 0) {
            char label[TENSOR_LABEL_TEXT];
            return fail(err, VITLRP_FORMAT, "zip entry %s occurs twice",
                        tensor_label(label, zip->entries[i].name));
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status zip_open(const struct source *source, const struct vitlrp_model_limits *limits,
                            struct zip *out, struct vitlrp_error *err) {
    struct directory directory = {0};
    struct bytes bytes = {0};
    enum vitlrp_status status = VITLRP_OK;
    *out = (struct zip){.source = source};
    TRY(find_directory(source, &directory, err));
    if (directory.entries > limits->max_zip_entries) {
        return fail_limit(err, "has more than %zu zip entries", limits->max_zip_entries);
    }
    struct extent extent = {
        .offset = directory.offset, .stored = directory.size, .size = directory.size};
    TRY(payload_read_all(source, &extent, limits->max_table_bytes, &bytes, err));
    out->entries = mem_calloc((size_t) directory.entries, sizeof *out->entries);
    if (out->entries == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for a zip directory");
        goto cleanup;
    }
    size_t used = 0;
    for (uint64_t i = 0; i < directory.entries; i++) {
        size_t taken = 0;
        TRY_GOTO(status, read_record(bytes.data + used, bytes.size - used, out, &taken, err),
                 cleanup);
        used += taken;
    }
    if (used != bytes.size) {
        status = fail(err, VITLRP_FORMAT, "damaged zip directory");
        goto cleanup;
    }
    TRY_GOTO(status, check_overlaps(out, directory.offset, err), cleanup);
    status = check_names(out, err);

cleanup:
    bytes_free(&bytes);
    return status;
}

const struct zip_entry *zip_find(const struct zip *zip, const char *name) {
    struct zip_entry key = {.name = (char *) name};
    if (zip->count == 0) {
        return NULL;
    }
    return bsearch(&key, zip->entries, zip->count, sizeof key, compare_entries);
}

void zip_close(struct zip *zip) {
    for (size_t i = 0; i < zip->count; i++) {
        mem_free(zip->entries[i].name);
    }
    mem_free(zip->entries);
    *zip = (struct zip){0};
}
