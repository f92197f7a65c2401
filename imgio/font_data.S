/* The glyphs of font.c, from data/font.bin (data/make_font.py). */
    .section .rodata
    .global font_data
    .hidden font_data
    .balign 4
font_data:
    .incbin "font.bin"
#if defined(__linux__) && defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
