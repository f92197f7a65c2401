#define _POSIX_C_SOURCE 200809L
#include "base/picture_file.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/jpeg_frame.h"
#include "base/npy.h"

/* A comment of ours stands right behind a picture's header, and NumPy's headers are that short. */
#define HEAD_BYTES 256
#define COMMENT "vitlrp "

/* Fewer than those of cameras since 2003, more than those of photographs for the web. */
#define CAMERA_PIXELS 4000000

static const char *const READ[] = {
    "jpg",  "jpeg", "png", "bmp", "webp", "npy", "pbm", "pgm", "ppm", "pnm",
#ifdef VITLRP_TIFF
    "tif",  "tiff",
#endif
#ifdef VITLRP_AVIF
    "avif",
#endif
};

/* Pictures, and films, of other kinds. */
static const char *const NOT_READ[PICTURE_FILE_KINDS] = {
    "avif", "heic", "heif", "gif", "tif", "tiff", "jxl", "jp2", "dcm", "raw", "dng", "cr2",
    "cr3",  "nef",  "arw",  "svg", "psd", "exr",  "hdr", "ico", "mov", "mp4", "npy", "webm"};

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* What stands behind the last dot of a name; NULL without one. */
static const char *ending_of(const char *path) {
    const char *dot = strrchr(name_of(path), '.');
    return dot == NULL ? NULL : dot + 1;
}

/* The place of the ending in the list; `count` if it is not there. */
static size_t find_ending(const char *ending, const char *const *list, size_t count) {
    size_t i = 0;
    while (i < count && (ending == NULL || list[i] == NULL || !ascii_equal(ending, list[i]))) {
        i++;
    }
    return i;
}

/* "heat" or "heat.281" before the ending. */
static bool has_own_name(const char *path) {
    const char *name = name_of(path);
    const char *end = strrchr(name, '.');
    const char *at = end;
    while (at > name && ascii_is_digit((unsigned char) at[-1])) {
        at--;
    }
    if (at < end && at > name && at[-1] == '.') {
        end = at - 1; /* behind it a class */
    }
    return end - name > 5 && strncmp(end - 5, ".heat", 5) == 0;
}

static bool can_be_own(const char *ending) {
    return ascii_equal(ending, "png") || ascii_equal(ending, "jpg") || ascii_equal(ending, "jpeg");
}

enum picture_file picture_file_of_name(const char *path) {
    const char *ending = ending_of(path);
    if (find_ending(ending, READ, sizeof READ / sizeof *READ) < sizeof READ / sizeof *READ) {
        return can_be_own(ending) && has_own_name(path) ? PICTURE_FILE_OWN : PICTURE_FILE_READ;
    }
    return find_ending(ending, NOT_READ, PICTURE_FILE_KINDS) < PICTURE_FILE_KINDS
               ? PICTURE_FILE_NOT_READ
               : PICTURE_FILE_NONE;
}

static bool begins_with(const uint8_t *data, size_t size, const void *bytes, size_t count) {
    return size >= count && memcmp(data, bytes, count) == 0;
}

/* The keyword of a text chunk; iTXt has four zeros more before its text. */
static bool png_has_comment(const uint8_t *data, size_t size) {
    static const char plain[] = "tEXtComment\0" COMMENT;
    static const char wide[] = "iTXtComment\0\0\0\0\0" COMMENT;
    const size_t at = 37; /* behind the signature, the header and the length of the next chunk */
    return size > at && (begins_with(data + at, size - at, plain, sizeof plain - 1) ||
                         begins_with(data + at, size - at, wide, sizeof wide - 1));
}

/* The first comment segment among those that lie in the bytes. */
static bool jpeg_has_comment(const uint8_t *data, size_t size) {
    size_t at = 2;
    while (at + 4 <= size && data[at] == 0xff && data[at + 1] >= 0xe0) {
        if (data[at + 1] == 0xfe) {
            return begins_with(data + at + 4, size - at - 4, COMMENT, sizeof COMMENT - 1);
        }
        at += 2 + (size_t) data[at + 2] * 256 + data[at + 3];
    }
    return false;
}

bool picture_file_has_comment(const void *data, size_t size) {
    if (begins_with(data, size, "\x89PNG\r\n\x1a\n", 8)) {
        return png_has_comment(data, size);
    }
    return begins_with(data, size, "\xff\xd8", 2) && jpeg_has_comment(data, size);
}

/* Bytes of the beginning of a file, 0 of one that cannot be opened. */
static size_t read_head(int folder, const char *path, uint8_t head[HEAD_BYTES]) {
    int descriptor = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t size = descriptor < 0 ? 0 : read(descriptor, head, HEAD_BYTES);
    if (descriptor >= 0) {
        close(descriptor);
    }
    return size > 0 ? (size_t) size : 0;
}

bool picture_file_is_commented(int folder, const char *path) {
    uint8_t head[HEAD_BYTES];
    return picture_file_has_comment(head, read_head(folder, path, head));
}

bool picture_file_is_of_camera(const char *path) {
    struct source source;
    struct jpeg_frame frame = {0};
    uint8_t head[3];
    if (source_open(path, &source, NULL) != VITLRP_OK) {
        return false;
    }
    bool is_jpeg = source.size > sizeof head &&
                   source_read(&source, 0, head, sizeof head, NULL) == VITLRP_OK &&
                   memcmp(head, "\xff\xd8\xff", sizeof head) == 0 &&
                   jpeg_frame_find(&source, &frame, NULL) == VITLRP_OK;
    source_close(&source);
    return is_jpeg && (int64_t) frame.width * frame.height >= CAMERA_PIXELS;
}

/* NumPy's bytes as [height, width, 1 or 3] or [height, width]. */
static bool holds_picture(const uint8_t *head, size_t size) {
    struct npy_header header;
    return npy_parse_header(head, size, SIZE_MAX, &header, NULL) == VITLRP_OK &&
           npy_is_picture(&header);
}

enum picture_file picture_file_of(int folder, const char *path) {
    enum picture_file file = picture_file_of_name(path);
    const char *ending = ending_of(path);
    if (file != PICTURE_FILE_READ) {
        return file;
    }
    if (ascii_equal(ending, "npy")) {
        uint8_t head[HEAD_BYTES];
        size_t size = read_head(folder, path, head);
        return size == 0 || holds_picture(head, size) ? file : PICTURE_FILE_NOT_READ;
    }
    return can_be_own(ending) && picture_file_is_commented(folder, path) ? PICTURE_FILE_OWN : file;
}

void picture_file_count(struct picture_file_tally *tally, enum picture_file file,
                        const char *path) {
    size_t kind = find_ending(ending_of(path), NOT_READ, PICTURE_FILE_KINDS);
    tally->own += file == PICTURE_FILE_OWN ? 1 : 0;
    if (file == PICTURE_FILE_NOT_READ && kind < PICTURE_FILE_KINDS) {
        tally->not_read[kind]++;
    }
}

size_t picture_file_not_read(const struct picture_file_tally *tally) {
    size_t sum = 0;
    for (size_t i = 0; i < PICTURE_FILE_KINDS; i++) {
        sum += tally->not_read[i];
    }
    return sum;
}

void picture_file_append_kinds(struct text *out, const struct picture_file_tally *tally) {
    const char *comma = "";
    for (size_t i = 0; i < PICTURE_FILE_KINDS; i++) {
        if (tally->not_read[i] > 0) {
            text_printf(out, "%s%zu %s", comma, tally->not_read[i], NOT_READ[i]);
            comma = ", ";
        }
    }
}
