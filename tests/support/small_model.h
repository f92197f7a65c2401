/* The model that most tests compute with: a forward pass of the built-in one costs ten times as
 * much. support/small_model.py has it for tests of the command. */
#ifndef TESTS_SMALL_MODEL_H
#define TESTS_SMALL_MODEL_H

#define SMALL_MODEL TEST_DATA "/data/vit-tiny-patch8-64.safetensors"

#endif
