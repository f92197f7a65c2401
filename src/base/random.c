#include "base/random.h"

#include <assert.h>
#include <math.h>

uint64_t random_mix(uint64_t *state) {
    uint64_t mixed = *state += UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

static uint64_t rotate(uint64_t value, unsigned by) {
    return value << by | value >> (64 - by);
}

struct random_stream random_open(uint64_t seed) {
    struct random_stream stream;
    for (size_t i = 0; i < 4; i++) {
        stream.state[i] = random_mix(&seed);
    }
    return stream;
}

uint64_t random_bits(struct random_stream *stream) {
    uint64_t *s = stream->state;
    uint64_t result = rotate(s[0] + s[3], 23) + s[0];
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

double random_uniform(struct random_stream *stream) {
    return (double) (random_bits(stream) >> 11) * 0x1p-53;
}

double random_normal(struct random_stream *stream) {
    static const double TWO_PI = 6.283185307179586;
    double radius = sqrt(-2.0 * log(1.0 - random_uniform(stream)));
    return radius * cos(TWO_PI * random_uniform(stream));
}

size_t random_below(struct random_stream *stream, size_t limit) {
    assert(limit >= 1 && limit <= (size_t) 1 << 32);
    return (size_t) ((random_bits(stream) >> 32) * limit >> 32);
}

uint64_t random_derive(uint64_t seed, const char *name) {
    /* FNV-1a, whose low bits are weak: random_mix spreads them. */
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (const char *c = name; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char) *c) * UINT64_C(0x100000001B3);
    }
    hash ^= random_mix(&seed);
    return random_mix(&hash);
}
