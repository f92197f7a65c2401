/* A ViT-B/16 of full size, written as a .pth with torchvision's names, explained by the command at
 * 224 and 384 pixels (197 and 577 tokens), and if told so at 592 (1370): it loads, the map has the
 * input's size, and peak memory beside the weights, with 2 threads, stays below what is promised.
 *
 * Usage: full_size COMMAND PHOTOGRAPH FOLDER [whole], where FOLDER takes the 346 MB file for the
 * time of the test. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/npy.h"
#include "support/pth_writer.h"

#define MEGABYTE (1000.0 * 1000.0)

/* Sanitizers keep shadow memory and quarantines of their own: there, only the results are checked.
 */
#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_IS_OURS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_IS_OURS 0
#endif
#endif
#ifndef MEMORY_IS_OURS
#define MEMORY_IS_OURS 1
#endif

static const struct vit_config CONFIG = {.image_height = 224,
                                         .image_width = 224,
                                         .patch_height = 16,
                                         .patch_width = 16,
                                         .grid_height = 14,
                                         .grid_width = 14,
                                         .prefix = 1,
                                         .dim = 768,
                                         .depth = 12,
                                         .heads = 12,
                                         .mlp_dim = 3072,
                                         .classes = 1000};

struct run {
    const char *command, *photograph, *weights, *map;
};

/* Runs the command at an input size; its exit code, and its peak memory in *peak. */
static int explain(const struct run *run, const char *crop, double *peak) {
    struct rusage usage;
    int state = 0;
    pid_t child = fork();
    if (child == 0) {
        execl(run->command, run->command, run->photograph, "--model", run->weights, "--class",
              "281", "--crop", crop, "--level", "pixel", "--raw", run->map, "-j", "2", "-q",
              (char *) NULL);
        _exit(127);
    }
    if (child < 0 || wait4(child, &state, 0, &usage) != child || !WIFEXITED(state)) {
        return 127;
    }
    *peak = (double) usage.ru_maxrss * 1024.0;
    return WEXITSTATUS(state);
}

/* True if the command succeeds and writes a map of that size. */
static bool explains_at(const struct run *run, size_t size, double *peak) {
    char crop[16];
    size_t shape[2] = {0, 0};
    float *map = NULL;
    struct vitlrp_error err = {0};
    snprintf(crop, sizeof crop, "%zu", size);
    int code = explain(run, crop, peak);
    if (code != 0) {
        fprintf(stderr, "exit code %d at %zu pixels\n", code, size);
        return false;
    }
    if (npy_read_float32(run->map, (size_t) 1 << 24, 2, shape, &map, &err) != VITLRP_OK) {
        fprintf(stderr, "%s\n", err.message);
        return false;
    }
    mem_free(map);
    printf("%zu pixels: peak memory %.0f MB\n", size, *peak / MEGABYTE);
    return shape[0] == size && shape[1] == size;
}

struct promise {
    size_t size;      /* pixels */
    double megabytes; /* beside the weights */
};

/* True if the command succeeds within the memory promised. */
static bool keeps(const struct run *run, const struct promise *promise, double weights) {
    double peak = 0.0;
    bool passed = explains_at(run, promise->size, &peak);
    double allowed = weights + promise->megabytes * MEGABYTE;
    if (MEMORY_IS_OURS && peak > allowed) {
        fprintf(stderr, "peak memory %.0f MB, allowed %.0f MB\n", peak / MEGABYTE,
                allowed / MEGABYTE);
        passed = false;
    }
    return passed;
}

static double weight_bytes(const struct pth_list *list) {
    double floats = 0.0;
    for (size_t i = 0; i < list->count; i++) {
        double count = 1.0;
        for (size_t d = 0; d < list->items[i].rank; d++) {
            count *= (double) list->items[i].shape[d];
        }
        floats += count;
    }
    return floats * 4.0;
}

int main(int argc, char **argv) {
    static const struct promise promises[] = {{224, 350.0}, {384, 350.0}, {592, 700.0}};
    static struct pth_list list;
    char weights[4096];
    char map[4096];
    bool passed = true;
    if (argc != 4 && argc != 5) {
        return 2;
    }
    size_t sizes = sizeof promises / sizeof promises[0] - (argc == 5 ? 0 : 1);
    snprintf(weights, sizeof weights, "%s/full_size.pth", argv[3]);
    snprintf(map, sizeof map, "%s/full_size.npy", argv[3]);
    struct run run = {argv[1], argv[2], weights, map};
    pth_torchvision(&list, &CONFIG);
    pth_write(weights, &list, &(struct pth_options){0});
    for (size_t i = 0; i < sizes; i++) {
        passed = keeps(&run, &promises[i], weight_bytes(&list)) && passed;
    }
    unlink(weights);
    unlink(map);
    return passed ? 0 : 1;
}
