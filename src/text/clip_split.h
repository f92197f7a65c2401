/* How CLIP splits a text into words, of which each is encoded by itself: what OpenAI's regular
 * expression matches,
 *     's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
 * at each place the first branch that fits. OpenAI's ignores case: then U+0345, whose capital is a
 * letter, is in none of its classes and is left out. Hugging Face's does not. */
#ifndef TEXT_CLIP_SPLIT_H
#define TEXT_CLIP_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

struct clip_word {
    size_t begin, end; /* bytes of the text */
};

/* The first word at or behind `at`; false: there is none. */
bool clip_split(const char *bytes, size_t length, bool ignores_case, size_t at,
                struct clip_word *out);

/* The special token that the text spells, in capitals or not, or NULL. OpenAI's, Hugging Face's and
 * open_clip's programs make special ids of these, so that a text could say where it ends. */
const char *clip_special(const char *bytes, size_t length);

#define CLIP_START "<|startoftext|>"
#define CLIP_END "<|endoftext|>"

#endif
