#define _GNU_SOURCE
#include "base/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/json_scan.h"
#include "base/mem.h"

#define LINE_LIMIT ((size_t) 1 << 28)
#define READ_STEP ((size_t) 1 << 20)

/* What a line is about. */
struct line {
    size_t place;
    enum journal_state state;
};

static enum journal_state state_of(const char *status) {
    if (strcmp(status, "open") == 0) {
        return JOURNAL_OPEN;
    }
    return strcmp(status, "ok") == 0 ? JOURNAL_DONE : JOURNAL_FAILED;
}

static enum vitlrp_status read_line(const struct journal *journal, const json_t *object,
                                    struct line *out, struct vitlrp_error *err) {
    int64_t index = -1;
    const char *state = json_get_string(object, "status");
    TRY(json_get_int(object, "index", 0, INT64_MAX, &index, err));
    if (state == NULL || index < 0) {
        return fail(err, VITLRP_FORMAT, "has no index or status");
    }
    size_t place = (size_t) index / journal->shards;
    if ((size_t) index % journal->shards != journal->shard || place >= journal->count) {
        return fail(err, VITLRP_FORMAT, "image %lld is not one of this list", (long long) index);
    }
    *out = (struct line){place, state_of(state)};
    return journal->check == NULL ? VITLRP_OK : journal->check(object, err);
}

static enum vitlrp_status parse_line(const struct journal *journal, const char *bytes, size_t size,
                                     struct line *out, struct vitlrp_error *err) {
    json_t *object = NULL;
    TRY(json_parse_object(bytes, size, &object, err));
    enum vitlrp_status status = read_line(journal, object, out, err);
    json_decref(object);
    return status;
}

static void note_line(struct journal *journal, size_t place, enum journal_state state,
                      size_t length) {
    struct journal_entry *entry = &journal->entries[place];
    journal->repeated += entry->length > 0 ? 1 : 0;
    journal->ordered = journal->ordered && place == journal->next;
    *entry = (struct journal_entry){journal->end, (uint32_t) length, (uint8_t) state};
    journal->end += length;
    journal->next = place + 1;
}

/* A file taken line by line. */
struct line_reader {
    int descriptor;
    off_t at;           /* of what will be read next */
    struct text buffer; /* owned */
    size_t begin;       /* in the buffer: of what was not taken yet */
    char *step;         /* owned: [READ_STEP] */
};

/* Reads on behind what is in the buffer; *more: there was something. */
static enum vitlrp_status read_more(struct line_reader *reader, bool *more,
                                    struct vitlrp_error *err) {
    struct text *buffer = &reader->buffer;
    if (reader->begin > 0) {
        buffer->length -= reader->begin;
        memmove(buffer->data, buffer->data + reader->begin, buffer->length);
        reader->begin = 0;
    }
    ssize_t got = pread(reader->descriptor, reader->step, READ_STEP, reader->at);
    while (got < 0 && errno == EINTR) {
        got = pread(reader->descriptor, reader->step, READ_STEP, reader->at);
    }
    if (got < 0) {
        return fail_errno(err, errno, "cannot read");
    }
    *more = got > 0;
    reader->at += got;
    text_append(buffer, reader->step, (size_t) got);
    return text_check(buffer, "a line", err);
}

/* The next whole line, its newline included; *line NULL: there is none. What is behind the last
 * newline is not a line. */
static enum vitlrp_status next_line(struct line_reader *reader, const char **line, size_t *length,
                                    struct vitlrp_error *err) {
    size_t searched = 0;
    bool more = true;
    *line = NULL;
    while (more) {
        size_t available = reader->buffer.length - reader->begin;
        const char *start = available == 0 ? NULL : reader->buffer.data + reader->begin;
        const char *newline =
            available == searched ? NULL : memchr(start + searched, '\n', available - searched);
        if (newline != NULL) {
            *line = start;
            *length = (size_t) (newline - start) + 1;
            reader->begin += *length;
            return VITLRP_OK;
        }
        searched = available;
        TRY(read_more(reader, &more, err));
    }
    return VITLRP_OK;
}

/* What is behind the last newline is cut off, so it must be of a line that was being written, or
 * the zeros that a loss of power leaves: a file without newlines is somebody else's. */
static enum vitlrp_status check_torn(const struct journal *journal,
                                     const struct line_reader *reader, struct vitlrp_error *err) {
    const char *torn = reader->buffer.data + reader->begin;
    size_t length = reader->buffer.length - reader->begin;
    struct line parsed;
    struct json_cost cost;
    if (length == 0 || torn[0] == '\0') {
        return VITLRP_OK;
    }
    bool whole = json_scan(torn, length, &cost) == JSON_WELL_FORMED;
    return torn[0] == '{' &&
                   (!whole || parse_line(journal, torn, length, &parsed, NULL) == VITLRP_OK)
               ? VITLRP_OK
               : fail(
                     err, VITLRP_FORMAT,
                     "ends in something that no run has written (give another name, or remove it)");
}

static enum vitlrp_status scan_lines(struct journal *journal, struct line_reader *reader,
                                     struct vitlrp_error *err) {
    for (size_t number = 1;; number++) {
        struct line parsed = {0, JOURNAL_FAILED};
        const char *line = NULL;
        size_t length = 0;
        TRY(next_line(reader, &line, &length, err));
        if (line == NULL) {
            return check_torn(journal, reader, err);
        }
        enum vitlrp_status status = parse_line(journal, line, length - 1, &parsed, err);
        if (status != VITLRP_OK) {
            char where[40] = "";
            snprintf(where, sizeof where, "line %zu", number);
            return error_prefix(err, status, where);
        }
        note_line(journal, parsed.place, parsed.state, length);
    }
}

static enum vitlrp_status scan(struct journal *journal, struct vitlrp_error *err) {
    struct line_reader reader = {.descriptor = journal->descriptor,
                                 .buffer = {.limit = LINE_LIMIT + READ_STEP}};
    reader.step = mem_calloc(READ_STEP, 1);
    enum vitlrp_status status = reader.step == NULL
                                    ? fail(err, VITLRP_NOMEM, "out of memory for the results")
                                    : scan_lines(journal, &reader, err);
    mem_free(reader.step);
    text_free(&reader.buffer);
    return status;
}

static enum vitlrp_status open_and_scan(struct journal *journal, bool to_write,
                                        struct vitlrp_error *err) {
    int flags = to_write ? O_RDWR | O_CREAT | O_APPEND : O_RDONLY;
    journal->descriptor =
        openat(journal->folder, journal->name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (journal->descriptor < 0) {
        return fail_errno(err, errno, "cannot open");
    }
    TRY(scan(journal, err));
    if (to_write && ftruncate(journal->descriptor, (off_t) journal->end) != 0) {
        return fail_errno(err, errno, "cannot cut off a torn line");
    }
    return VITLRP_OK;
}

enum vitlrp_status journal_open_in(const struct journal_file *file, const struct journal_shard *of,
                                   bool to_write, struct journal *journal,
                                   struct vitlrp_error *err) {
    *journal = (struct journal){.descriptor = -1,
                                .folder = file->folder,
                                .name = file->name,
                                .count = of->count,
                                .shard = (size_t) of->shard,
                                .shards = (size_t) of->shards,
                                .check = of->check,
                                .ordered = true};
    journal->path = mem_strdup(file->path);
    journal->entries = mem_calloc(of->count, sizeof *journal->entries);
    if (journal->path == NULL || journal->entries == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the results of %zu images", of->count);
    }
    if (journal->name == NULL) {
        journal->name = journal->path;
    }
    return error_prefix(err, open_and_scan(journal, to_write, err), file->path);
}

enum vitlrp_status journal_open(const char *path, const struct journal_shard *of, bool to_write,
                                struct journal *journal, struct vitlrp_error *err) {
    const struct journal_file file = {.folder = AT_FDCWD, .path = path};
    return journal_open_in(&file, of, to_write, journal, err);
}

void journal_close(struct journal *journal) {
    if (journal->descriptor >= 0) {
        close(journal->descriptor);
    }
    mem_free(journal->path);
    mem_free(journal->entries);
    *journal = (struct journal){.descriptor = -1};
}

/* Somebody else's lines behind ours, or another file under our name: the lock was removed, or the
 * file system has none. */
static enum vitlrp_status fail_shared(struct vitlrp_error *err) {
    return fail(
        err, VITLRP_IO,
        "has changed while this run wrote it: another process writes here too (run the same "
        "command again, once)");
}

static bool journal_has_size(const struct journal *journal, uint64_t size) {
    struct stat info;
    return fstat(journal->descriptor, &info) == 0 && (uint64_t) info.st_size == size;
}

/* A whole line is one write to the end of the file, which no other process comes between. */
enum vitlrp_status journal_add(struct journal *journal, size_t place, enum journal_state state,
                               const char *line, size_t length, struct vitlrp_error *err) {
    if (!journal_has_size(journal, journal->end)) {
        return error_prefix(err, fail_shared(err), journal->path);
    }
    enum vitlrp_status status = file_write_descriptor(journal->descriptor, line, length, err);
    if (status == VITLRP_OK && !journal_has_size(journal, journal->end + length)) {
        status = fail_shared(err);
    } else if (status == VITLRP_OK) {
        note_line(journal, place, state, length);
    } else if (ftruncate(journal->descriptor, (off_t) journal->end) != 0) {
        errno = 0; /* the next run cuts it off */
    }
    return error_prefix(err, status, journal->path);
}

/* True if the name still leads to the file that is open, and the file is as it was left. */
static bool journal_is_ours(const struct journal *journal) {
    return folder_name_is(journal->folder, journal->name, journal->descriptor) &&
           journal_has_size(journal, journal->end);
}

enum vitlrp_status journal_sync(const struct journal *journal, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    if (!journal_is_ours(journal)) {
        status = fail_shared(err);
    } else if (fsync(journal->descriptor) != 0) {
        status = fail_errno(err, errno, "cannot write");
    }
    return error_prefix(err, status, journal->path);
}

enum vitlrp_status journal_line(const struct journal *journal, size_t place, struct text *out,
                                struct vitlrp_error *err) {
    const struct journal_entry *entry = &journal->entries[place];
    struct source source = {.descriptor = journal->descriptor, .size = journal->end};
    char *bytes = mem_calloc(entry->length, 1);
    enum vitlrp_status status =
        bytes == NULL ? fail(err, VITLRP_NOMEM, "out of memory for a line of results")
                      : source_read(&source, entry->offset, bytes, entry->length, err);
    out->length = 0;
    if (status == VITLRP_OK) {
        text_append(out, bytes, entry->length - 1);
        status = text_check(out, "a line of results", err);
    }
    mem_free(bytes);
    return error_prefix(err, status, journal->path);
}

enum vitlrp_status journal_read(const struct journal *journal, size_t place, json_t **out,
                                struct vitlrp_error *err) {
    struct text line = {.limit = LINE_LIMIT};
    enum vitlrp_status status = journal_line(journal, place, &line, err);
    if (status == VITLRP_OK) {
        status =
            error_prefix(err, json_parse_object(line.data, line.length, out, err), journal->path);
    }
    text_free(&line);
    return status;
}

void journal_reopen(struct journal *journal, size_t place) {
    journal->entries[place].state = JOURNAL_OPEN;
}

size_t journal_count(const struct journal *journal, enum journal_state state) {
    size_t count = 0;
    for (size_t i = 0; i < journal->count; i++) {
        count += journal->entries[i].state == (uint8_t) state ? 1 : 0;
    }
    return count;
}

/* Line i is the one at i / shards of journal i % shards. */
static enum vitlrp_status append_lines(const struct journal *const *journals, size_t shards,
                                       size_t lines, struct draft *draft,
                                       struct vitlrp_error *err) {
    struct text buffer = {.limit = LINE_LIMIT + READ_STEP};
    struct text line = {.limit = LINE_LIMIT};
    enum vitlrp_status status = VITLRP_OK;
    for (size_t i = 0; i < lines && status == VITLRP_OK; i++) {
        status = journal_line(journals[i % shards], i / shards, &line, err);
        if (status == VITLRP_OK) {
            text_append(&buffer, line.data, line.length);
            text_append(&buffer, "\n", 1);
            status = text_check(&buffer, "the results", err);
        }
        if (status == VITLRP_OK && (buffer.length >= READ_STEP || i + 1 == lines)) {
            status = draft_write(draft, buffer.data, buffer.length, err);
            buffer.length = 0;
        }
    }
    text_free(&buffer);
    text_free(&line);
    return status;
}

enum vitlrp_status journal_write(const struct journal *const *journals, size_t shards, size_t lines,
                                 const struct draft_place *place, struct vitlrp_error *err) {
    struct draft draft;
    enum vitlrp_status status = draft_open(place, &draft, err);
    if (status == VITLRP_OK) {
        status = draft_finish(&draft, append_lines(journals, shards, lines, &draft, err), err);
    }
    return error_prefix(err, status, place->name);
}

enum vitlrp_status journal_finish(struct journal *journal, const struct draft_place *place,
                                  struct vitlrp_error *err) {
    const struct journal *only = journal;
    TRY(journal_sync(journal, err));
    return journal->ordered && journal->next == journal->count
               ? VITLRP_OK
               : journal_write(&only, 1, journal->count, place, err);
}
