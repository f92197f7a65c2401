/* CLIP's merges for bpe_files.c, from data/clip_merges.bin (data/make_merges.py). */
    .section .rodata
    .global clip_merges
    .hidden clip_merges
    .global clip_merges_end
    .hidden clip_merges_end
clip_merges:
    .incbin "clip_merges.bin"
clip_merges_end:
    .byte 0
#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
