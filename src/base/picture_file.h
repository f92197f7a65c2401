/* What a file's name, and the first bytes of a file, say of it as a picture: whether a folder's
 * file is a photograph to read, one of the program's own pictures, or a picture of a kind that is
 * not read. A file that somebody names is read whatever this says: its content decides. */
#ifndef BASE_PICTURE_FILE_H
#define BASE_PICTURE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum picture_file {
    PICTURE_FILE_NONE,    /* no picture, by its name */
    PICTURE_FILE_READ,    /* a photograph, or what may be one */
    PICTURE_FILE_OWN,     /* the program wrote it */
    PICTURE_FILE_NOT_READ /* a picture of a kind that is not read */
};

/* By the name alone: .jpg, .jpeg, .png, .bmp, .webp, .npy, .pbm, .pgm, .ppm or .pnm, in any case,
 * are read, and X.heat.png, X.heat.281.jpg and so on are our own. */
enum picture_file picture_file_of_name(const char *path);

/* The same of a file below an open folder (AT_FDCWD: the current one), whose beginning is looked at
 * too: a PNG or a JPEG with our comment is our own, an .npy file that holds no picture is not read.
 * One that cannot be opened is what its name says. */
enum picture_file picture_file_of(int folder, const char *path);

/* True of a PNG's or a JPEG's beginning that has our comment. */
bool picture_file_has_comment(const void *data, size_t size);

/* The same of a file, as picture_file_of opens it. */
bool picture_file_is_commented(int folder, const char *path);

/* True of a JPEG of 4 million pixels or more, as cameras and phones make them; false of what cannot
 * be opened. */
bool picture_file_is_of_camera(const char *path);

/* How many files of a folder were passed over, by what they are. */
#define PICTURE_FILE_KINDS 24
struct picture_file_tally {
    size_t own;
    size_t not_read[PICTURE_FILE_KINDS];
};

/* Counts a file that picture_file_of said that of; nothing for one that is read, or no picture. */
void picture_file_count(struct picture_file_tally *tally, enum picture_file file, const char *path);

/* Of all kinds together. */
size_t picture_file_not_read(const struct picture_file_tally *tally);

/* Appends "2 heic, 1 webp"; nothing where none was counted. */
void picture_file_append_kinds(struct text *out, const struct picture_file_tally *tally);

#endif
