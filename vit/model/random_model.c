/* Models of random weights, for benchmarks and tests that need a shape and not a meaning. */
#include <math.h>
#include <stdbool.h>

#include "base/random.h"
#include "vit/model/weights.h"

#define CHUNK ((size_t) 8)

/* xoshiro128+ (Blackman, Vigna 2018), eight streams side by side so that the compiler can vectorise
 * them. */
struct generator {
    uint32_t state[4][CHUNK];
};

static struct generator generator_seeded(uint64_t seed) {
    struct generator generator;
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < CHUNK; k++) {
            generator.state[i][k] = (uint32_t) (random_mix(&seed) >> 32);
        }
    }
    return generator;
}

/* CHUNK uniform numbers in [-1, 1). */
static void generator_next(struct generator *generator, float out[CHUNK]) {
    uint32_t(*s)[CHUNK] = generator->state;
    for (size_t k = 0; k < CHUNK; k++) {
        uint32_t result = s[0][k] + s[3][k];
        uint32_t shifted = s[1][k] << 9;
        s[2][k] ^= s[0][k];
        s[3][k] ^= s[1][k];
        s[1][k] ^= s[2][k];
        s[0][k] ^= s[3][k];
        s[2][k] ^= shifted;
        s[3][k] = s[3][k] << 11 | s[3][k] >> 21;
        out[k] = (float) (int32_t) (result & 0xFFFFFF00U) * 0x1p-31F;
    }
}

/* out = mean + uniform numbers of that standard deviation. */
static void fill(struct generator *generator, float *out, size_t count, float mean,
                 float deviation) {
    float scale = deviation * 1.7320508F; /* a uniform number in [-1, 1) deviates by 1/sqrt(3) */
    float chunk[CHUNK];
    for (size_t i = 0; i < count; i += CHUNK) {
        size_t used = count - i < CHUNK ? count - i : CHUNK;
        generator_next(generator, chunk);
        for (size_t k = 0; k < used; k++) {
            out[i + k] = mean + scale * chunk[k];
        }
    }
}

/* Matrices keep the variance of their input; branches into the residual stream are weaker, so that
 * it does not grow with the depth. */
static void fill_slot(struct generator *generator, const struct vit_model *model, enum slot slot,
                      size_t block) {
    struct slot_size size = slot_size(&model->config, slot);
    enum slot_start start = slot_start(slot);
    bool matrix = start == START_MATRIX || start == START_BRANCH;
    float deviation = 0.02F;
    if (size.rows > 1 && matrix) {
        deviation = 1.0F / sqrtf((float) size.columns);
    }
    if (start == START_BRANCH) {
        deviation /= sqrtf(2.0F * (float) model->config.depth);
    }
    fill(generator, slot_data(model, slot, block), size.rows * size.columns, slot_neutral(slot),
         deviation);
}

enum vitlrp_status vit_model_random(const struct vit_config *config, uint64_t seed,
                                    struct vit_model **out, struct vitlrp_error *err) {
    struct vit_model *model = NULL;
    const struct vitlrp_model_limits limits = vit_load_limits_default();
    TRY(weights_allocate(config, "random", &limits, &model, err));
    model->layout = "random";
    model->container = "none";
    model->stored_as = "F32";
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        struct slot_size size = slot_size(config, slot);
        for (size_t block = 0; block < slot_repeats(config, slot); block++) {
            /* A stream for each slot: a shape that differs in one slot keeps the others' weights.
             */
            uint64_t stream = slot_stream(slot, block);
            struct generator generator = generator_seeded(seed ^ random_mix(&stream));
            fill_slot(&generator, model, slot, block);
            model->parameters += (int64_t) (size.rows * size.columns);
        }
    }
    *out = model;
    return VITLRP_OK;
}
