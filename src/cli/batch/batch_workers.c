#include "batch_workers.h"

#include "batch_run.h"

#define MIB ((uint64_t) 1 << 20)

/* A photograph of 12 megapixels and the picture that is drawn of it. */
#define PICTURE_BYTES (72 * MIB)

/* Addresses of a thread: its stack, and glibc's heap for it. */
#define THREAD_ADDRESSES (80 * MIB)

/* OpenBLAS's buffer, which is waited for without an end where the addresses have run out. */
#define PRODUCT_ADDRESSES (130 * MIB)

static uint64_t minus(uint64_t whole, uint64_t part) {
    return whole > part ? whole - part : 0;
}

struct batch_workers batch_workers_within(size_t wanted, size_t session_bytes,
                                          const struct machine_room *room) {
    uint64_t bytes = (uint64_t) session_bytes + PICTURE_BYTES;
    uint64_t addresses = bytes + THREAD_ADDRESSES + PRODUCT_ADDRESSES;
    uint64_t begun = (BATCH_WRITERS + 1) * THREAD_ADDRESSES + PRODUCT_ADDRESSES + PICTURE_BYTES;
    /* What the first worker and the writers take comes before. */
    uint64_t by_memory = minus(room->memory, bytes) / bytes;
    uint64_t by_addresses = minus(room->addresses, begun) / addresses;
    struct batch_workers workers = {.count = wanted, .each = bytes, .left = room->memory};
    if (by_addresses < by_memory) {
        workers.each = addresses;
        workers.left = room->addresses;
    }
    uint64_t further = by_addresses < by_memory ? by_addresses : by_memory;
    if (wanted > 1 && further < wanted - 1) {
        workers.count = 1 + (size_t) further;
    }
    return workers;
}
