/* Seeded random numbers: the same on every machine, whatever the threads. xoshiro256++ (Blackman,
 * Vigna 2018), seeded through splitmix64. Not for secrets. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random_stream {
    uint64_t state[4];
};

struct random_stream random_open(uint64_t seed);

/* 64 random bits. */
uint64_t random_bits(struct random_stream *stream);

/* Uniform in [0, 1), a multiple of 2^-53. */
double random_uniform(struct random_stream *stream);

/* Normal with mean 0 and standard deviation 1 (Box and Muller 1958); two uniform numbers each. */
double random_normal(struct random_stream *stream);

/* 0 to limit - 1, 1 <= limit <= 2^32; uniform up to limit / 2^32. */
size_t random_below(struct random_stream *stream, size_t limit);

/* splitmix64 (Steele, Lea, Flood 2014): the next 64 bits of a sequence, of which any state is one.
 */
uint64_t random_mix(uint64_t *state);

/* A seed for what `name` names (an image, say), independent of those of other names. */
uint64_t random_derive(uint64_t seed, const char *name);

#endif
