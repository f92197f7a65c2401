#include "eval/row_reader.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define STDIN_DESCRIPTOR 0

static const char MARK[] = "\xEF\xBB\xBF"; /* what some editors put before UTF-8 */

/* The separator of the text's first line with anything on it. */
static char find_separator(const char *text, const char *separators) {
    text += strspn(text, "\r\n");
    size_t length = strcspn(text, "\r\n");
    for (const char *candidate = separators; *candidate != '\0'; candidate++) {
        if (memchr(text, *candidate, length) != NULL) {
            return *candidate;
        }
    }
    return '\0';
}

/* Takes over the bytes and terminates them. */
static enum vitlrp_status take_text(struct bytes *bytes, struct row_reader *out,
                                    struct vitlrp_error *err) {
    if (bytes->size > 0 && memchr(bytes->data, '\0', bytes->size) != NULL) {
        return fail(err, VITLRP_FORMAT, "has zero bytes: not a text file");
    }
    struct row_reader reader = {.size = bytes->size};
    TRY(sha256_bytes(bytes->data, bytes->size, reader.sha256, err));
    char *text = mem_resize(bytes->data, bytes->size + 1, 1);
    if (text == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu bytes of text", bytes->size);
    }
    bytes->data = NULL;
    text[bytes->size] = '\0';
    reader.text = text;
    if (strncmp(text, MARK, strlen(MARK)) == 0) {
        reader.next = strlen(MARK);
    }
    *out = reader;
    return VITLRP_OK;
}

enum vitlrp_status rows_open(const char *path, size_t limit, const char *separators,
                             struct row_reader *out, struct vitlrp_error *err) {
    struct bytes bytes = {0};
    struct row_reader reader = {0};
    bool is_stdin = strcmp(path, "-") == 0;
    enum vitlrp_status status;
    if (is_stdin) {
        status = file_read_descriptor(STDIN_DESCRIPTOR, limit, &bytes, err);
    } else {
        TRY(file_read(path, limit, &bytes, err)); /* names the path itself */
        status = VITLRP_OK;
    }
    if (status == VITLRP_OK) {
        status = take_text(&bytes, &reader, err);
    }
    bytes_free(&bytes);
    if (status == VITLRP_OK) {
        reader.separator = find_separator(reader.text + reader.next, separators);
        *out = reader;
    }
    return error_prefix(err, status, is_stdin ? "standard input" : path);
}

/* Takes the quotes of the field at `text` away and returns where it ends (a comma, or the line's
 * end). */
static char *unquote(char *text) {
    char *to = text;
    char *from = text + 1;
    while (*from != '\0' && (from[0] != '"' || from[1] == '"')) {
        from += *from == '"' ? 1 : 0;
        *to++ = *from++;
    }
    from += *from == '"' ? 1 : 0;
    char *end = from + strcspn(from, ",");
    *to = '\0';
    return end;
}

/* Ends the text before its last blanks. */
static void cut_blanks(char *text) {
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ') {
        text[--length] = '\0';
    }
}

/* One field, at *cursor; moves the cursor behind it, to NULL at the line's end. `trims`: blanks
 * around it are none of its own, unless it is in quotes. */
static char *take_field(char **cursor, char separator, bool trims) {
    char *field = *cursor + (trims ? strspn(*cursor, " ") : 0);
    char *end;
    bool quoted = *field == '"' && separator == ',';
    if (quoted) {
        end = unquote(field);
    } else {
        end = separator == '\0' ? field + strlen(field)
                                : field + strcspn(field, (char[2]){separator, '\0'});
    }
    bool last = *end == '\0';
    *end = '\0';
    end += last ? 0 : 1;
    if (trims && !quoted) {
        cut_blanks(field);
    }
    while (!last && separator == ' ' && *end == ' ') {
        end++;
    }
    *cursor = last || (separator == ' ' && *end == '\0') ? NULL : end;
    return field;
}

bool rows_next(struct row_reader *reader, struct row *row) {
    while (reader->next < reader->size) {
        char *line = reader->text + reader->next;
        size_t length = strcspn(line, "\n");
        reader->next += length + 1;
        reader->line++;
        line[length] = '\0';
        if (length > 0 && line[length - 1] == '\r') {
            line[length - 1] = '\0';
        }
        if (reader->separator == ' ') {
            line += strspn(line, " ");
        }
        if (*line == '\0') {
            continue;
        }
        *row = (struct row){.line = reader->line};
        for (char *cursor = line; cursor != NULL && row->count < ROW_FIELDS;) {
            bool trims = reader->separator == ',' || (reader->separator == '\t' && row->count > 0);
            row->field[row->count] = take_field(&cursor, reader->separator, trims);
            row->count++;
        }
        return true;
    }
    return false;
}

void rows_close(struct row_reader *reader) {
    mem_free(reader->text);
    *reader = (struct row_reader){0};
}
