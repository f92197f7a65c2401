/* The model that is part of the library: data/vit-tiny-patch4-64.safetensors, put in by builtin.S.
 */
#ifndef API_BUILTIN_H
#define API_BUILTIN_H

#include <stdint.h>

#define BUILTIN_MODEL_NAME "built-in vit-tiny-patch4-64"

extern const unsigned char builtin_model[];
extern const uint64_t builtin_model_size;

#endif
