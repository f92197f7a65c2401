#include "text_lines.h"

#include <stdbool.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define FILE_LIMIT ((size_t) 1 << 26)

/* Some editors begin a file of UTF-8 with it. */
static const char MARK[] = "\xEF\xBB\xBF";

static bool is_blank(const char *line, size_t length) {
    size_t i = 0;
    while (i < length && (line[i] == ' ' || line[i] == '\t')) {
        i++;
    }
    return i == length;
}

static enum vitlrp_status check_line(const char *line, size_t length, struct vitlrp_error *err) {
    if (memchr(line, '\0', length) != NULL) {
        return fail(err, VITLRP_FORMAT, "the line has a zero byte: it is no text");
    }
    if (!text_is_utf8(line, length)) {
        return fail(err, VITLRP_FORMAT, "the line is not UTF-8: convert the file");
    }
    return is_blank(line, length)
               ? fail(err, VITLRP_FORMAT, "the line is empty, and every line is a text")
               : VITLRP_OK;
}

enum vitlrp_status text_lines_fail(const char *path, size_t line, struct vitlrp_error *err,
                                   enum vitlrp_status status) {
    struct text place = {.limit = strlen(path) + 32};
    text_printf(&place, "%s:%zu", path, line + 1);
    error_prefix(err, status, place.failed ? path : place.data);
    text_free(&place);
    return status;
}

/* Puts an end behind each line. The text has a byte more than `size`. */
static enum vitlrp_status take_lines(struct text_lines *out, size_t size, const char *path,
                                     struct vitlrp_error *err) {
    char *end = out->text + size;
    char *line = out->text;
    line += size >= strlen(MARK) && memcmp(line, MARK, strlen(MARK)) == 0 ? strlen(MARK) : 0;
    while (line < end) {
        char *newline = memchr(line, '\n', (size_t) (end - line));
        char *stop = newline == NULL ? end : newline;
        size_t length = (size_t) (stop - line);
        length -= length > 0 && line[length - 1] == '\r' ? 1 : 0;
        enum vitlrp_status status = check_line(line, length, err);
        if (status != VITLRP_OK) {
            return text_lines_fail(path, out->count, err, status);
        }
        line[length] = '\0';
        out->lines[out->count++] = line;
        line = stop + 1;
    }
    return VITLRP_OK;
}

static size_t count_lines(const struct bytes *bytes) {
    size_t count = 1;
    for (size_t i = 0; i < bytes->size; i++) {
        count += bytes->data[i] == '\n' ? 1 : 0;
    }
    return count;
}

enum vitlrp_status text_lines_read(const char *path, const char *what, struct text_lines *out,
                                   struct vitlrp_error *err) {
    struct bytes bytes;
    *out = (struct text_lines){0};
    TRY(file_read(path, FILE_LIMIT, &bytes, err));
    out->text = mem_calloc(bytes.size + 1, 1);
    out->lines = mem_calloc(count_lines(&bytes), sizeof *out->lines);
    bool held = out->text != NULL && out->lines != NULL;
    if (held && bytes.size > 0) {
        memcpy(out->text, bytes.data, bytes.size);
    }
    enum vitlrp_status status =
        held ? take_lines(out, bytes.size, path, err)
             : fail(err, VITLRP_NOMEM, "out of memory for the lines of %s", path);
    bytes_free(&bytes);
    TRY(status);
    return out->count > 0 ? VITLRP_OK
                          : error_prefix(err, fail(err, VITLRP_FORMAT, "has no %s", what), path);
}

void text_lines_close(struct text_lines *lines) {
    mem_free(lines->text);
    mem_free(lines->lines);
    *lines = (struct text_lines){0};
}
