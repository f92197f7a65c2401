#define _GNU_SOURCE
#include "base/class_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/file.h"
#include "base/little_endian.h"
#include "base/mem.h"
#include "base/npy.h"
#include "base/sha256.h"

#define WORK CLASS_ROWS_WORK
#define MOST_NAME UNIT_INDEX_MOST_NAME

enum place { PLACE_UNKNOWN, PLACE_NONE, PLACE_FIRST, PLACE_SECOND, PLACE_WHOLE };

static size_t row_size(const struct class_rows *rows) {
    return unit_index_units(&rows->index->shape) * sizeof(int64_t);
}

/* Where further images of a class go. */
static enum place other_place(const struct class_rows *rows, size_t output) {
    return rows->places[output] == PLACE_FIRST ? PLACE_SECOND : PLACE_FIRST;
}

static uint64_t offset_of(const struct class_rows *rows, enum place place, size_t output) {
    size_t row = place == PLACE_WHOLE ? output : 2 * output + (place == PLACE_SECOND ? 1 : 0);
    return (place == PLACE_WHOLE ? rows->begin : 0) + (uint64_t) row * row_size(rows);
}

/* ---- Files ---- */

static void name_whole(const char *site, char name[MOST_NAME]) {
    snprintf(name, MOST_NAME, "%s.classes.npy", site);
}

static enum vitlrp_status encode_header(const struct unit_index_shape *of, struct bytes *out,
                                        struct vitlrp_error *err) {
    const size_t shape[] = {of->classes, of->blocks, of->width};
    const struct npy_array array = {'i', sizeof(int64_t), NULL, 3, shape};
    return npy_encode_header(&array, out, err);
}

/* *descriptor = -1 where there is no such file, or a link, which nobody's run has made. */
static enum vitlrp_status open_file(int folder, const char *name, int *descriptor,
                                    struct vitlrp_error *err) {
    *descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return *descriptor >= 0 || errno == ENOENT || errno == ELOOP
               ? VITLRP_OK
               : error_prefix(err, fail_errno(err, errno, "cannot open"), name);
}

static enum vitlrp_status open_files(struct class_rows *rows, struct vitlrp_error *err) {
    char name[MOST_NAME];
    name_whole(rows->site, name);
    TRY(open_file(rows->folder, WORK, &rows->work, err));
    return open_file(rows->folder, name, &rows->whole, err);
}

static void close_files(struct class_rows *rows) {
    if (rows->work >= 0) {
        close(rows->work);
    }
    if (rows->whole >= 0) {
        close(rows->whole);
    }
    rows->work = rows->whole = -1;
}

static enum vitlrp_status open_work(struct class_rows *rows, struct vitlrp_error *err) {
    int work = openat(rows->folder, WORK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (work < 0) {
        return fail_errno(err, errno, "cannot write " WORK);
    }
    if (rows->work >= 0) {
        close(rows->work);
    }
    rows->work = work;
    return VITLRP_OK;
}

enum vitlrp_status class_rows_open(struct unit_index *index, int folder, const char *site,
                                   struct class_rows *out, struct vitlrp_error *err) {
    size_t classes = index->shape.classes;
    struct bytes header = {0};
    *out = (struct class_rows){
        .index = index, .folder = folder, .site = site, .work = -1, .whole = -1};
    out->places = mem_calloc(classes, sizeof *out->places);
    out->changed = mem_calloc(classes, sizeof *out->changed);
    out->row = mem_calloc(unit_index_units(&index->shape), sizeof *out->row);
    out->memory = folder < 0 ? mem_calloc(classes, sizeof *out->memory) : NULL;
    if (out->places == NULL || out->changed == NULL || out->row == NULL ||
        (folder < 0 && out->memory == NULL)) {
        return fail(err, VITLRP_NOMEM, "out of memory for the sums of %zu classes", classes);
    }
    TRY(encode_header(&index->shape, &header, err));
    out->begin = header.size;
    bytes_free(&header);
    return folder < 0 ? VITLRP_OK : open_files(out, err);
}

void class_rows_close(struct class_rows *rows) {
    if (rows->index == NULL) {
        return;
    }
    close_files(rows);
    for (size_t i = 0; rows->memory != NULL && i < rows->index->shape.classes; i++) {
        mem_free(rows->memory[i]);
    }
    mem_free((void *) rows->memory);
    mem_free(rows->places);
    mem_free(rows->changed);
    mem_free(rows->row);
    *rows = (struct class_rows){0};
}

/* ---- Rows ---- */

/* FORMAT where no file has that place. */
static enum vitlrp_status read_at(const struct class_rows *rows, enum place place, size_t output,
                                  int64_t *out, struct vitlrp_error *err) {
    int descriptor = place == PLACE_WHOLE ? rows->whole : rows->work;
    const struct source source = {.descriptor = descriptor, .size = UINT64_MAX};
    char name[MOST_NAME];
    if (descriptor < 0) {
        return fail(err, VITLRP_FORMAT, "no file has the sums of class %zu", output);
    }
    name_whole(rows->site, name);
    enum vitlrp_status status =
        source_read(&source, offset_of(rows, place, output), out, row_size(rows), err);
    TRY(error_prefix(err, status, place == PLACE_WHOLE ? name : WORK));
    little_endian_turn(out, sizeof *out, unit_index_units(&rows->index->shape));
    return VITLRP_OK;
}

/* Leaves the scratch row turned. */
static enum vitlrp_status write_at(const struct class_rows *rows, enum place place, size_t output,
                                   struct vitlrp_error *err) {
    const char *from = (const char *) rows->row;
    off_t at = (off_t) offset_of(rows, place, output);
    size_t left = row_size(rows);
    little_endian_turn(rows->row, sizeof *rows->row, unit_index_units(&rows->index->shape));
    while (left > 0) {
        ssize_t put = pwrite(rows->work, from, left, at);
        if (put < 0 && errno != EINTR) {
            return fail_errno(err, errno, "cannot write " WORK);
        }
        from += put > 0 ? put : 0;
        at += put > 0 ? put : 0;
        left -= put > 0 ? (size_t) put : 0;
    }
    return VITLRP_OK;
}

/* Of what a file has of it. */
static enum vitlrp_status hash_row(const struct class_rows *rows, char digest[SHA256_TEXT],
                                   struct vitlrp_error *err) {
    size_t units = unit_index_units(&rows->index->shape);
    little_endian_turn(rows->row, sizeof *rows->row, units);
    enum vitlrp_status status = sha256_bytes(rows->row, row_size(rows), digest, err);
    little_endian_turn(rows->row, sizeof *rows->row, units);
    return status;
}

static char *digest_of(const struct class_rows *rows, size_t output) {
    return rows->index->class_digests + output * UNIT_INDEX_DIGEST;
}

/* Finds the row that the state knows, and leaves it in rows->row. */
static enum vitlrp_status find_row(struct class_rows *rows, size_t output,
                                   struct vitlrp_error *err) {
    char digest[SHA256_TEXT];
    if (rows->index->class_images[output] == 0) {
        rows->places[output] = PLACE_NONE;
        return VITLRP_OK;
    }
    for (int place = PLACE_FIRST; place <= PLACE_WHOLE; place++) {
        enum vitlrp_status status = read_at(rows, (enum place) place, output, rows->row, err);
        if (status == VITLRP_FORMAT) {
            continue;
        }
        TRY(status);
        TRY(hash_row(rows, digest, err));
        if (memcmp(digest, digest_of(rows, output), UNIT_INDEX_DIGEST) == 0) {
            rows->places[output] = (unsigned char) place;
            return VITLRP_OK;
        }
    }
    return fail(err, VITLRP_FORMAT,
                "no file has the sums of class %zu that the state knows (begin a new folder)",
                output);
}

static enum vitlrp_status find_rows(struct class_rows *rows, struct vitlrp_error *err) {
    for (size_t i = 0; i < rows->index->shape.classes; i++) {
        TRY(find_row(rows, i, err));
    }
    return VITLRP_OK;
}

enum vitlrp_status class_rows_read(struct class_rows *rows, size_t output, int64_t *out,
                                   struct vitlrp_error *err) {
    enum place place = PLACE_NONE;
    if (rows->memory != NULL) {
        if (rows->memory[output] == NULL) {
            memset(out, 0, row_size(rows));
        } else {
            memcpy(out, rows->memory[output], row_size(rows));
        }
        return VITLRP_OK;
    }
    if (rows->places[output] == PLACE_UNKNOWN) {
        TRY(find_row(rows, output, err));
    }
    place = rows->changed[output] ? other_place(rows, output) : (enum place) rows->places[output];
    if (place == PLACE_NONE) {
        memset(out, 0, row_size(rows));
        return VITLRP_OK;
    }
    return read_at(rows, place, output, out, err);
}

static enum vitlrp_status put_row(struct class_rows *rows, size_t output,
                                  struct vitlrp_error *err) {
    if (rows->memory == NULL) {
        /* Whoever only reads has opened it for that. */
        if (rows->work < 0 || (fcntl(rows->work, F_GETFL) & O_ACCMODE) != O_RDWR) {
            TRY(open_work(rows, err));
        }
        return write_at(rows, other_place(rows, output), output, err);
    }
    if (rows->memory[output] == NULL) {
        rows->memory[output] = mem_calloc(1, row_size(rows));
    }
    if (rows->memory[output] == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the sums of a class");
    }
    memcpy(rows->memory[output], rows->row, row_size(rows));
    return VITLRP_OK;
}

enum vitlrp_status class_rows_add(struct class_rows *rows, const struct unit_index_image *image,
                                  struct vitlrp_error *err) {
    size_t output = image->output;
    TRY(class_rows_read(rows, output, rows->row, err));
    for (size_t i = 0; i < unit_index_units(&rows->index->shape); i++) {
        rows->row[i] += unit_index_whole_share(image->relevance[i]);
    }
    enum vitlrp_status status = put_row(rows, output, err);
    rows->failed = rows->failed || status != VITLRP_OK;
    rows->changed[output] = true;
    return status;
}

/* ---- States ---- */

static enum vitlrp_status settle_row(struct class_rows *rows, size_t output,
                                     struct vitlrp_error *err) {
    char digest[SHA256_TEXT];
    TRY(class_rows_read(rows, output, rows->row, err));
    TRY(hash_row(rows, digest, err));
    memcpy(digest_of(rows, output), digest, UNIT_INDEX_DIGEST);
    return VITLRP_OK;
}

enum vitlrp_status class_rows_settle(struct class_rows *rows, struct vitlrp_error *err) {
    bool any = false;
    if (rows->failed) {
        return fail(err, VITLRP_IO, "the sums of a class could not be written");
    }
    for (size_t i = 0; i < rows->index->shape.classes; i++) {
        if (rows->changed[i]) {
            TRY(settle_row(rows, i, err));
            any = true;
        }
    }
    if (any && rows->memory == NULL && fdatasync(rows->work) != 0) {
        return fail_errno(err, errno, "cannot write " WORK);
    }
    return VITLRP_OK;
}

void class_rows_keep(struct class_rows *rows) {
    for (size_t i = 0; i < rows->index->shape.classes; i++) {
        if (rows->changed[i]) {
            rows->places[i] = (unsigned char) other_place(rows, i);
            rows->changed[i] = false;
        }
    }
}

/* ---- The array ---- */

/* Makes one row after the other, in the scratch of `rows`. */
struct source_rows {
    enum vitlrp_status (*make)(void *user, size_t output, struct vitlrp_error *err);
    void *user;
};

/* A row that cannot be made is named by its own files. */
static enum vitlrp_status put_array(const struct class_rows *rows, struct draft *draft,
                                    const struct source_rows *source, struct vitlrp_error *err) {
    struct bytes header = {0};
    TRY(encode_header(&rows->index->shape, &header, err));
    enum vitlrp_status status =
        error_prefix(err, draft_write(draft, header.data, header.size, err), draft->name);
    bytes_free(&header);
    for (size_t i = 0; status == VITLRP_OK && i < rows->index->shape.classes; i++) {
        status = source->make(source->user, i, err);
        little_endian_turn(rows->row, sizeof *rows->row, unit_index_units(&rows->index->shape));
        if (status == VITLRP_OK) {
            status =
                error_prefix(err, draft_write(draft, rows->row, row_size(rows), err), draft->name);
        }
    }
    return status;
}

static enum vitlrp_status write_array(const struct class_rows *rows, int folder, const char *site,
                                      const struct source_rows *source, struct vitlrp_error *err) {
    char name[MOST_NAME];
    struct draft draft;
    name_whole(site, name);
    const struct draft_place place = {.folder = folder, .name = name, .staging = -1};
    TRY(error_prefix(err, draft_open(&place, &draft, err), name));
    enum vitlrp_status put = put_array(rows, &draft, source, err);
    enum vitlrp_status status = draft_finish(&draft, put, err);
    return put == VITLRP_OK ? error_prefix(err, status, name) : status;
}

static enum vitlrp_status own_row(void *user, size_t output, struct vitlrp_error *err) {
    struct class_rows *rows = user;
    return class_rows_read(rows, output, rows->row, err);
}

enum vitlrp_status class_rows_write(struct class_rows *rows, int folder, const char *site,
                                    struct vitlrp_error *err) {
    const struct source_rows source = {own_row, rows};
    return write_array(rows, folder, site, &source, err);
}

enum vitlrp_status class_rows_finish(struct class_rows *rows, struct vitlrp_error *err) {
    if (rows->work < 0 && rows->whole >= 0) {
        return find_rows(rows, err);
    }
    TRY(class_rows_write(rows, rows->folder, rows->site, err));
    close_files(rows);
    if (unlinkat(rows->folder, WORK, 0) != 0 && errno != ENOENT) {
        return fail_errno(err, errno, "cannot remove " WORK);
    }
    memset(rows->places, PLACE_UNKNOWN, rows->index->shape.classes);
    return open_files(rows, err);
}

/* ---- Shards ---- */

struct joining {
    struct class_rows *parts;
    size_t count;
    struct class_rows *out;
};

static enum vitlrp_status joined_row(void *user, size_t output, struct vitlrp_error *err) {
    const struct joining *joining = user;
    struct class_rows *out = joining->out;
    size_t units = unit_index_units(&out->index->shape);
    char digest[SHA256_TEXT];
    memset(out->row, 0, row_size(out));
    for (size_t i = 0; i < joining->count; i++) {
        struct class_rows *part = &joining->parts[i];
        enum vitlrp_status status = class_rows_read(part, output, part->row, err);
        TRY(part->path == NULL ? status : error_prefix(err, status, part->path));
        for (size_t unit = 0; unit < units; unit++) {
            out->row[unit] += part->row[unit];
        }
    }
    TRY(hash_row(out, digest, err));
    if (out->index->class_images[output] > 0) {
        memcpy(digest_of(out, output), digest, UNIT_INDEX_DIGEST);
    }
    return VITLRP_OK;
}

enum vitlrp_status class_rows_join(struct class_rows *parts, size_t count, struct class_rows *out,
                                   struct vitlrp_error *err) {
    struct joining joining = {parts, count, out};
    const struct source_rows source = {joined_row, &joining};
    return write_array(out, out->folder, out->site, &source, err);
}
